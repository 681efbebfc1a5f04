import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { localConfig } from '../../examples/buildkit-ci/registry/local/distribution-config.js'
import { type Collected, LocalRegistry } from '../../examples/buildkit-ci/registry/local/local-registry.js'
import { protect, protectedRepository } from '../../examples/buildkit-ci/registry/local/protection.js'
import { whyNotWith } from '../support/needs.js'
import { digestOf, OciLayout } from '../support/oci-layout.js'
import { skopeo } from '../support/skopeo.js'
import { until } from '../support/until.js'

const whyNot = whyNotWith('the local registry', { 'docker-registry': 'docker-registry', skopeo: 'skopeo' })
const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-garbage-'))
const running: LocalRegistry[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.stop()))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function started(options: { storage?: string; pushWindowMs?: number } = {}): Promise<LocalRegistry> {
  const registry = await LocalRegistry.start({
    ...{ program: 'docker-registry', host: '127.0.0.1', port: 0, pushWindowMs: options.pushWindowMs ?? 3_600_000 },
    storageDirectory: options.storage ?? mkdtempSync(join(folder, 'storage-')),
  })
  running.push(registry)
  return registry
}

function newLayout(): OciLayout {
  return new OciLayout(mkdtempSync(join(folder, 'layout-')))
}

async function push({ port }: LocalRegistry, layout: OciLayout, tag: string, repository: string): Promise<void> {
  await skopeo('copy', '--all', `oci:${layout.folder}:${tag}`, `docker://127.0.0.1:${port}/${repository}:${tag}`)
}

/** Reads every blob of it, and compares each with its digest. */
async function pull({ port }: LocalRegistry, tag: string, repository: string): Promise<void> {
  const target = mkdtempSync(join(folder, 'pulled-'))
  await skopeo('copy', '--all', `docker://127.0.0.1:${port}/${repository}:${tag}`, `dir:${target}`)
  rmSync(target, { recursive: true })
}

async function remove({ port }: LocalRegistry, repository: string, digest: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/v2/${repository}/manifests/${digest}`
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(202)
}

/** A push by hand, which stops wherever a test wants it to. */
class Push {
  readonly #url: string

  constructor({ port }: LocalRegistry, repository: string) {
    this.#url = `http://127.0.0.1:${port}/v2/${repository}`
  }

  async begin(): Promise<string> {
    const begun = await fetch(`${this.#url}/blobs/uploads/`, { method: 'POST' })
    expect(begun.status).toBe(202)
    return new URL(begun.headers.get('location') ?? '', this.#url).href
  }

  async finish(location: string, bytes: string): Promise<void> {
    const url = `${location}${location.includes('?') ? '&' : '?'}digest=${digestOf(bytes)}`
    expect((await fetch(url, { method: 'PUT', body: bytes })).status).toBe(201)
  }

  async blob(bytes: string): Promise<void> {
    await this.finish(await this.begin(), bytes)
  }

  async manifest(tag: string, config: string, layer: string): Promise<number> {
    const descriptor = (mediaType: string, bytes: string) => ({
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    })
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType },
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
    })
    const headers = { 'content-type': mediaType }
    return (await fetch(`${this.#url}/manifests/${tag}`, { method: 'PUT', headers, body })).status
  }
}

function blobFile(storage: string, digest: string): string {
  const hex = digest.replace('sha256:', '')
  return join(storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
}

describe.skipIf(whyNot !== undefined)('garbage collection of the local registry', { timeout: 120_000 }, () => {
  it('removes the blobs of a deleted image, and nothing that another image uses', async () => {
    const storage = mkdtempSync(join(folder, 'storage-'))
    const registry = await started({ storage })
    const layout = newLayout()
    const old = layout.image('old', { layerBytes: [2000, 3000] })
    layout.image('new', { shared: [old.layers[0]!], layerBytes: [1000] })
    for (const tag of ['old', 'new']) await push(registry, layout, tag, 'app')
    await remove(registry, 'app', old.digest)
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 3 }) // manifest, config, own layer
    expect(existsSync(blobFile(storage, old.layers[1]!.digest))).toBe(false)
    expect(existsSync(blobFile(storage, old.layers[0]!.digest))).toBe(true)
    await pull(registry, 'new', 'app')
  })

  it('leaves the parts of a multi-platform image, which have no tag', async () => {
    const registry = await started()
    const layout = newLayout()
    const parts = ['amd64', 'arm64'].map((architecture) => ({
      ...layout.image(undefined, { architecture }),
      architecture,
    }))
    layout.index('multi', parts)
    await push(registry, layout, 'multi', 'app')
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 0 })
    await pull(registry, 'multi', 'app')
  })

  it('takes the same image once more after it was deleted and collected (distribution#3743)', async () => {
    const registry = await started()
    const layout = newLayout()
    const image = layout.image('again')
    await push(registry, layout, 'again', 'app')
    await remove(registry, 'app', image.digest)
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 3 })
    await push(registry, layout, 'again', 'app')
    await pull(registry, 'again', 'app')
  })

  it('keeps the blobs of a push that has not sent its manifest yet', async () => {
    const registry = await started()
    const push = new Push(registry, 'app')
    await push.blob('{}')
    await push.blob('layer')
    await new Push(registry, 'other').blob('of another push')
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 0, protectedBlobs: 3 })
    expect(await push.manifest('v1', '{}', 'layer')).toBe(201)
    await pull(registry, 'v1', 'app')
  })

  it('keeps what a client was told is there, though nothing refers to it any more', async () => {
    const registry = await started()
    const layout = newLayout()
    const image = layout.image('again')
    await push(registry, layout, 'again', 'app')
    await remove(registry, 'app', image.digest)
    const url = `http://127.0.0.1:${registry.port}/v2/app/blobs/${image.layers[0]!.digest}`
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    // Its manifest and its config go; the layer stays for whoever asked.
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 2, protectedBlobs: 1 })
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
  })

  it('protects nothing longer than the window of a push, nor after its own end', async () => {
    const registry = await started({ pushWindowMs: 0 })
    const push = new Push(registry, 'app')
    await push.blob('{}')
    await push.blob('layer')
    await protect({ port: registry.port }, [{ repository: 'app', digest: digestOf('layer') }]) // one that was cut short
    expect(await registry.collect()).toMatchObject({ state: 'collected', protectedBlobs: 0 })
    // The push fails, and says so: it does not leave an image without a layer.
    expect(await push.manifest('v1', '{}', 'layer')).toBe(400)
    const tags = await fetch(`http://127.0.0.1:${registry.port}/v2/${protectedRepository}/tags/list`)
    expect([[], null, undefined]).toContainEqual(((await tags.json()) as { tags?: string[] | null }).tags)
  })

  it('holds back what would take effect meanwhile, and neither reads nor the bytes of uploads', async () => {
    const registry = await started()
    const layout = newLayout()
    layout.image('v1')
    await push(registry, layout, 'v1', 'app')
    const { turnstile } = registry.gate
    turnstile.close()
    const upload = new Push(registry, 'app')
    const place = await upload.begin()
    let isThere = false
    const held = upload.finish(place, 'x'.repeat(300_000)).then(() => {
      isThere = true
    })
    await until('the upload waits', () => turnstile.waiting === 1)
    await pull(registry, 'v1', 'app')
    expect(isThere).toBe(false)
    turnstile.open()
    await held
    expect(turnstile.through).toBe(0)
  })

  it('finds nothing in a registry that nothing was pushed to', async () => {
    expect(await (await started()).collect()).toMatchObject({ state: 'collected', blobs: 0 })
  })

  it('is put off after a restart, because pushes of before are not known', async () => {
    const storage = mkdtempSync(join(folder, 'storage-'))
    await (await started({ storage })).stop()
    running.splice(0)
    const outcome = (await (await started({ storage })).collect()) as Extract<Collected, { state: 'put off' }>
    expect(outcome.why).toMatch(/^pushes that began before this process are not known for another \d+ s$/)
  })

  it('goes on in its next life with an upload that began in the last', async () => {
    const registry = await started()
    const push = new Push(registry, 'app')
    await push.blob('{}')
    const first = await push.begin()
    const piece = await fetch(first, {
      method: 'PATCH',
      body: 'lay',
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(piece.status).toBe(202)
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 0 })
    const place = new URL(piece.headers.get('location') ?? '', first)
    place.searchParams.set('digest', digestOf('layer'))
    expect((await fetch(place, { method: 'PUT', body: 'er' })).status).toBe(201)
    expect(await push.manifest('v1', '{}', 'layer')).toBe(201)
  })

  it('runs beside many pushes by skopeo, and every image that was pushed can be pulled', async () => {
    const registry = await started()
    const layout = newLayout()
    const tags = Array.from({ length: 4 }, (_, index) => `v${index}`)
    const base = layout.image('base', { layerBytes: [400_000] })
    for (const tag of tags) layout.image(tag, { shared: base.layers, layerBytes: [300_000, 1000] })
    let isDone = false
    const collections: Collected[] = []
    const collecting = (async () => {
      while (!isDone) collections.push(await registry.collect())
    })()
    const pushAll = async (repository: string) => {
      for (const tag of tags) {
        await push(registry, layout, tag, repository)
        await pull(registry, tag, repository)
      }
    }
    await Promise.all(['one', 'two', 'three'].map(pushAll))
    isDone = true
    await collecting
    expect(collections.filter(({ state }) => state === 'failed')).toEqual([])
    expect(collections.filter(({ state }) => state === 'collected').length).toBeGreaterThan(2)
    for (const repository of ['one', 'two', 'three']) for (const tag of tags) await pull(registry, tag, repository)
  })

  it('is needed: the collector of distribution alone takes the blobs of a push in flight', async () => {
    const storage = mkdtempSync(join(folder, 'storage-'))
    const registry = await started({ storage })
    const push = new Push(registry, 'app')
    await push.blob('{}')
    await push.blob('layer')
    const config = join(folder, 'collector.yaml')
    const options = { listen: '127.0.0.1:0', storageDirectory: storage, httpSecret: 'unused' }
    writeFileSync(config, stringify(localConfig(options)))
    execFileSync('docker-registry', ['garbage-collect', config])
    expect(await push.manifest('v1', '{}', 'layer')).toBe(400)
  })
})
