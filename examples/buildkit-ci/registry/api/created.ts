import type { RegistryClient } from './client.js'
import { cacheConfigType, type Manifest } from './manifest.js'

/** Of an artifact, which has no config of an image's kind. */
const createdAnnotation = 'org.opencontainers.image.created'
/** Before that there were no container images: reproducible builds write the epoch, which says nothing of the age. */
const earliestMs = Date.parse('2013-01-01T00:00:00Z')

/**
 * When an image was made; undefined, if nothing says so. Of an index, and of its children, the newest counts. The API
 * does not tell when it was pushed.
 */
export async function createdMs(
  client: RegistryClient,
  repository: string,
  manifest: Manifest,
): Promise<number | undefined> {
  const own = timeOf(manifest.annotations[createdAnnotation]) ?? (await configCreatedMs(client, repository, manifest))
  const children = await Promise.all(
    manifest.children.map(async (digest) => {
      const child = await client.manifest(repository, digest)
      return child === undefined ? undefined : await createdMs(client, repository, child)
    }),
  )
  return newest([own, ...children])
}

async function configCreatedMs(
  client: RegistryClient,
  repository: string,
  { config }: Manifest,
): Promise<number | undefined> {
  if (config === undefined || !/json$|cacheconfig/.test(config.mediaType ?? '')) return undefined
  const bytes = await client.blob(repository, config.digest)
  const value = bytes === undefined ? undefined : parsed(bytes)
  return config.mediaType === cacheConfigType ? cacheCreatedMs(value) : timeOf(fieldOf(value, 'created'))
}

/** A build cache has a time for each result of each record. */
function cacheCreatedMs(value: unknown): number | undefined {
  const lists = (field: unknown): unknown[] => (Array.isArray(field) ? field : [])
  const records = lists(fieldOf(value, 'records'))
  const results = records.flatMap((record) => [
    ...lists(fieldOf(record, 'layers')),
    ...lists(fieldOf(record, 'chains')),
  ])
  return newest(results.map((result) => timeOf(fieldOf(result, 'createdAt'))))
}

function newest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

function timeOf(text: unknown): number | undefined {
  const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return ms >= earliestMs ? ms : undefined
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}
