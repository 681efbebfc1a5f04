import { z } from 'zod'

/** Types of manifests that are asked for; without the right `Accept` a registry converts, and the digest changes. */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

export const acceptedTypes: readonly string[] = Object.values(mediaTypes)

/** The config of a build cache that BuildKit exported, in an index as one of its entries. */
export const cacheConfigType = 'application/vnd.buildkit.cacheconfig.v0'

const descriptor = z.looseObject({ mediaType: z.string().optional(), digest: z.string(), size: z.number().optional() })
const manifestSchema = z.looseObject({
  mediaType: z.string().optional(),
  config: descriptor.optional(),
  layers: z.array(descriptor).optional(),
  manifests: z.array(descriptor).optional(),
  subject: descriptor.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})

/** What clean-up needs to know of a manifest. */
export interface Manifest {
  digest: string
  /** Manifests that an index consists of, in the same repository. */
  children: string[]
  /** What it says something about: a signature, an SBOM. */
  subject?: string | undefined
  config?: { digest: string; mediaType?: string | undefined } | undefined
  /** Of the blobs that it names. */
  bytes: number
  annotations: Readonly<Record<string, string>>
}

/** @throws ZodError or SyntaxError, if it is not a manifest of the types that were asked for */
export function parseManifest(digest: string, body: Buffer): Manifest {
  const {
    config,
    layers = [],
    manifests = [],
    subject,
    annotations = {},
  } = manifestSchema.parse(JSON.parse(body.toString()))
  // BuildKit's cache can be an index whose entries are layers: these are blobs.
  const children = manifests.filter(({ mediaType }) => mediaType === undefined || acceptedTypes.includes(mediaType))
  const blobs = [...(config === undefined ? [] : [config]), ...layers, ...manifests]
  return {
    digest,
    children: children.map((child) => child.digest),
    subject: subject?.digest,
    config: config ?? manifests.find(({ mediaType }) => mediaType === cacheConfigType),
    bytes: blobs.reduce((sum, { size = 0 }) => sum + size, 0),
    annotations,
  }
}
