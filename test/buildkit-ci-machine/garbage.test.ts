import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Collected } from '../../examples/buildkit-ci/registry/local/local-registry.js'
import { whyNotWith } from '../support/needs.js'
import { digestOf } from '../support/oci-layout.js'
import { until } from '../support/until.js'
import { collectAlone, folder, newLayout, Push, pull, push, remove, running, started } from './local-registry.js'

const whyNot = whyNotWith('the local registry', { 'docker-registry': 'docker-registry', skopeo: 'skopeo' })
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

  it('protects nothing longer than the window of a push', async () => {
    const registry = await started({ pushWindowMs: 0 })
    const push = new Push(registry, 'app')
    await push.blob('{}')
    await push.blob('layer')
    expect(await registry.collect()).toMatchObject({ state: 'collected', protectedBlobs: 0 })
    // The push fails, and says so: it does not leave an image without a layer.
    expect(await push.manifest('v1', '{}', 'layer')).toBe(400)
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
    collectAlone('docker-registry', storage)
    expect(await push.manifest('v1', '{}', 'layer')).toBe(400)
  })
})
