import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LocalRegistry } from '../../examples/buildkit-ci/registry/local/local-registry.js'
import { protect } from '../../examples/buildkit-ci/registry/local/protection.js'
import { whyNotWith } from '../support/needs.js'
import { digestOf } from '../support/oci-layout.js'
import { collectAlone, distribution3, folder, newLayout, Push, pull, push, remove, started } from './local-registry.js'

const whyNot = whyNotWith('the local registry', { 'docker-registry': 'docker-registry', skopeo: 'skopeo' })

const newStorage = () => mkdtempSync(join(folder, 'storage-'))

/** The links of a repository's manifests, tagged or not. */
function revisionsOf(storage: string, repository: string): string[] {
  const revisions = join(storage, 'docker/registry/v2/repositories', repository, '_manifests/revisions/sha256')
  return existsSync(revisions) ? readdirSync(revisions).filter((hex) => existsSync(join(revisions, hex, 'link'))) : []
}

async function repositoriesOf({ port }: LocalRegistry): Promise<string[]> {
  const catalog = (await (await fetch(`http://127.0.0.1:${port}/v2/_catalog`)).json()) as { repositories: string[] }
  return catalog.repositories
}

describe.skipIf(whyNot !== undefined)('the collector of distribution 3, which also unlinks layers', () => {
  it('alone unlinks the layers of a push in flight, though a manifest elsewhere refers to them', async () => {
    const storage = newStorage()
    const registry = await started({ storage })
    const unfinished = new Push(registry, 'app')
    const other = new Push(registry, 'other')
    // A repository without a manifest is none to the collector.
    for (const bytes of ['{"v":0}', 'older']) await unfinished.blob(bytes)
    expect(await unfinished.manifest('v0', '{"v":0}', 'older')).toBe(201)
    for (const bytes of ['{}', 'layer']) for (const each of [unfinished, other]) await each.blob(bytes)
    expect(await other.manifest('v1', '{}', 'layer')).toBe(201)
    collectAlone(distribution3(), storage)
    expect(await unfinished.manifest('v1', '{}', 'layer')).toBe(400)
  })

  it.each(['app', 'zoo/app'])('leaves a push in flight to %s whole behind the gate', async (repository) => {
    const registry = await started({ program: distribution3() })
    const unfinished = new Push(registry, repository)
    await unfinished.blob('{}')
    await unfinished.blob('layer')
    await new Push(registry, 'other').blob('of another push')
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 0, protectedBlobs: 3 })
    expect(await unfinished.manifest('v1', '{}', 'layer')).toBe(201)
    await pull(registry, 'v1', repository)
  })

  it('leaves what a client was told is there, though nothing refers to it any more', async () => {
    const registry = await started({ program: distribution3() })
    const layout = newLayout()
    const image = layout.image('again')
    await push(registry, layout, 'again', 'app')
    await remove(registry, 'app', image.digest)
    const url = `http://127.0.0.1:${registry.port}/v2/app/blobs/${image.layers[0]!.digest}`
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 2, protectedBlobs: 1 })
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
  })
})

describe.skipIf(whyNot !== undefined)('the protection of pushes in flight', () => {
  it('leaves nothing behind: no manifest, no tag, no repository of its own', async () => {
    const storage = newStorage()
    const registry = await started({ storage })
    const unfinished = new Push(registry, 'app')
    await unfinished.blob('{}')
    await unfinished.blob('layer')
    expect(await registry.collect()).toMatchObject({ state: 'collected', protectedBlobs: 2 })
    expect(revisionsOf(storage, 'app')).toEqual([])
    expect(existsSync(join(storage, 'protected-pushes.json'))).toBe(false)
    expect(await repositoriesOf(registry)).toEqual(['app'])
    expect(await unfinished.manifest('v1', '{}', 'layer')).toBe(201)
    // The manifest that protected them is garbage now.
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 1, protectedBlobs: 0 })
    await pull(registry, 'v1', 'app')
  })

  it('of a collection that was cut short is removed by the next one', async () => {
    const storage = newStorage()
    const registry = await started({ storage, pushWindowMs: 0 })
    await new Push(registry, 'app').blob('layer')
    const parts = [{ repository: 'app', digest: digestOf('layer') }]
    await protect({ port: registry.port }, parts, storage)
    expect(revisionsOf(storage, 'app')).toHaveLength(1)
    expect(JSON.parse(readFileSync(join(storage, 'protected-pushes.json'), 'utf8'))).toHaveLength(1)
    // Its manifest and the layer.
    expect(await registry.collect()).toMatchObject({ state: 'collected', blobs: 2, protectedBlobs: 0 })
    expect(revisionsOf(storage, 'app')).toEqual([])
    expect(existsSync(join(storage, 'protected-pushes.json'))).toBe(false)
  })

  it('passes over a blob that is not there any more', async () => {
    const registry = await started()
    await new Push(registry, 'app').blob('layer')
    registry.gate.pushes.saw('app', digestOf('gone'))
    expect(await registry.collect()).toMatchObject({ state: 'collected', protectedBlobs: 1 })
  })
})
