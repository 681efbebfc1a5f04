import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mediaTypes } from '../api/manifest.js'
import type { Backend } from './gate.js'

/** A blob in a repository, or a manifest. */
interface Place {
  repository: string
  digest: string
}

export interface Protection {
  /** So many are protected; what was not there any more is not. */
  blobs: number
  /** Ends it, by the process that then serves. */
  end(backend: Backend): Promise<void>
}

/** Which manifests of ours are in the storage: a process that is killed leaves them there. */
const listFile = 'protected-pushes.json'
/** Distribution takes a manifest of 4 MiB; so many are less than 2 MiB. */
const mostInManifest = 10_000

/**
 * Protects blobs from distribution's collector in its own terms: a manifest refers to them, without a tag. It is in the
 * repository of the push. A manifest elsewhere keeps the blobs, too, but distribution 3 removes a repository's links to
 * blobs that none of its own manifests refers to, and the push cannot be completed without these links
 * (`deleteLayerSet` in its registry/storage/garbagecollect.go, since 3.0.0).
 *
 * @throws Error, if the registry does not take it
 */
export async function protect(
  backend: Backend,
  parts: readonly Place[],
  storageDirectory: string,
): Promise<Protection> {
  const list = join(storageDirectory, listFile)
  // What an earlier collection left that did not come to its end.
  await unprotect(backend, list)
  const byRepository = new Map<string, string[]>()
  for (const { repository, digest } of parts) {
    const there = await isThere(backend, repository, digest)
    if (there) byRepository.set(repository, [...(byRepository.get(repository) ?? []), digest])
  }
  const manifests = [...byRepository].flatMap(([repository, digests]) =>
    manifestsOf(digests).map((body) => ({ repository, body, digest: digestOf(body) })),
  )
  const places = manifests.map(({ repository, digest }): Place => ({ repository, digest }))
  if (places.length > 0) await writeFile(list, JSON.stringify(places))
  for (const { repository, digest, body } of manifests) {
    const headers = { 'content-type': mediaTypes.ociManifest }
    const url = urlOf(backend, repository, `manifests/${digest}`)
    await expectStatus(await fetch(url, { method: 'PUT', headers, body }), 201)
  }
  const blobs = [...byRepository.values()].reduce((sum, { length }) => sum + length, 0)
  return { blobs, end: (next) => unprotect(next, list) }
}

/** A registry looks at neither the content of a config nor the sizes. */
function manifestsOf(digests: readonly string[]): string[] {
  const bodies: string[] = []
  for (let at = 0; at < digests.length; at += mostInManifest) {
    const [first, ...others] = digests.slice(at, at + mostInManifest).map((digest) => ({ digest, size: 0 }))
    const manifest = {
      ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...first },
      layers: others.map((each) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...each })),
      // No manifest of a user is the same, and would be deleted with it.
      annotations: { 'buildkit-ci.protects': 'pushes in flight' },
    }
    bodies.push(JSON.stringify(manifest))
  }
  return bodies
}

async function isThere(backend: Backend, repository: string, digest: string): Promise<boolean> {
  const response = await fetch(urlOf(backend, repository, `blobs/${digest}`), { method: 'HEAD' })
  return (await expectStatus(response, 200, 404)).status === 200
}

async function unprotect(backend: Backend, list: string): Promise<void> {
  for (const { repository, digest } of await placesIn(list)) {
    const url = urlOf(backend, repository, `manifests/${digest}`)
    await expectStatus(await fetch(url, { method: 'DELETE' }), 202, 404)
  }
  await rm(list, { force: true })
}

async function placesIn(list: string): Promise<Place[]> {
  try {
    return JSON.parse(await readFile(list, 'utf8'))
  } catch (error) {
    // It is written before the first manifest is: half a list means that there is none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return []
    throw error
  }
}

function urlOf({ port }: Backend, repository: string, path: string): string {
  return `http://127.0.0.1:${port}/v2/${repository}/${path}`
}

async function expectStatus(response: Response, ...expected: number[]): Promise<Response> {
  const text = await response.text()
  if (expected.includes(response.status)) return response
  throw new Error(`cannot protect pushes in flight: the registry answered ${response.status}: ${text}`)
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
