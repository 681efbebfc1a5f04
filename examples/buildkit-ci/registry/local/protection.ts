import { createHash } from 'node:crypto'
import { mediaTypes } from '../api/manifest.js'
import type { Backend } from './gate.js'

/** Where the manifest is that garbage collection finds the blobs of pushes in flight by. It is empty between collections. */
export const protectedRepository = 'buildkit-ci/pushes-in-flight'

const tag = 'pushes'
const emptyConfig = '{}'
const layerType = 'application/vnd.oci.image.layer.v1.tar'

/**
 * Protects blobs from distribution's collector in its own terms: a manifest refers to them. They are mounted in a
 * repository of their own, which copies nothing.
 *
 * @returns ends the protection, by the process that then serves
 * @throws Error, if the registry does not take it
 */
export async function protect(
  backend: Backend,
  parts: readonly { repository: string; digest: string }[],
): Promise<(backend: Backend) => Promise<void>> {
  // What an earlier collection left that did not come to its end.
  await unprotect(backend, await protectedDigest(backend))
  if (parts.length === 0) return async () => {}
  const config = digestOf(emptyConfig)
  await upload(backend, emptyConfig, config)
  const digests = new Set<string>()
  for (const { repository, digest } of parts) if (await mount(backend, repository, digest)) digests.add(digest)
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: mediaTypes.ociManifest },
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: emptyConfig.length },
    // The sizes are not looked at.
    layers: [...digests].map((digest) => ({ mediaType: layerType, digest, size: 0 })),
  })
  await expectStatus(await send(backend, 'PUT', `manifests/${tag}`, manifest, mediaTypes.ociManifest), 201)
  return (next) => unprotect(next, digestOf(manifest))
}

async function upload(backend: Backend, content: string, digest: string): Promise<void> {
  const begun = await expectStatus(await send(backend, 'POST', 'blobs/uploads/'), 202)
  const place = placeOf(backend, begun)
  place.searchParams.set('digest', digest)
  await expectStatus(await fetch(place, { method: 'PUT', body: content }), 201)
}

/** @returns false, if the blob is not there any more */
async function mount(backend: Backend, repository: string, digest: string): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from: repository })
  const response = await expectStatus(await send(backend, 'POST', `blobs/uploads/?${query}`), 201, 202)
  if (response.status === 201) return true
  // An upload has begun instead.
  await fetch(placeOf(backend, response), { method: 'DELETE' })
  return false
}

/** Of an upload. */
function placeOf(backend: Backend, { headers }: Response): URL {
  return new URL(headers.get('location') ?? '', urlOf(backend, ''))
}

async function protectedDigest(backend: Backend): Promise<string | undefined> {
  const headers = { accept: mediaTypes.ociManifest }
  const response = await fetch(urlOf(backend, `manifests/${tag}`), { method: 'HEAD', headers })
  return response.headers.get('docker-content-digest') ?? undefined
}

async function unprotect(backend: Backend, digest: string | undefined): Promise<void> {
  if (digest === undefined) return
  await expectStatus(await send(backend, 'DELETE', `manifests/${digest}`), 202, 404)
}

async function send(backend: Backend, method: string, path: string, body?: string, type?: string): Promise<Response> {
  const headers = { 'content-type': type ?? 'application/octet-stream' }
  return await fetch(urlOf(backend, path), { method, headers, ...(body === undefined ? {} : { body }) })
}

function urlOf({ port }: Backend, path: string): string {
  return `http://127.0.0.1:${port}/v2/${protectedRepository}/${path}`
}

async function expectStatus(response: Response, ...expected: number[]): Promise<Response> {
  if (expected.includes(response.status)) {
    await response.arrayBuffer()
    return response
  }
  throw new Error(`cannot protect pushes in flight: the registry answered ${response.status}: ${await response.text()}`)
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
