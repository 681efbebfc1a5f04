import { podTemplates, type WireOptions, WiringError, wire } from '../kubernetes/index.js'
import { hasTarget } from '../kubernetes/wire.js'
import type { Source } from './input.js'
import { changedText } from './yaml/changed-text.js'
import { lineOf, type Manifest, type ManifestFile, parseManifests } from './yaml/documents.js'

export interface WiredSource {
  source: Source
  text: string
  /** How many documents have a pod that was to be wired, changed or not. */
  wired: number
}

/**
 * Wires all documents of all sources that have a pod template with one of the containers named; others stay as they
 * are, byte for byte.
 *
 * @throws WiringError naming file and line; CommandError `unreadable`
 */
export function wireSources(sources: readonly Source[], options: WireOptions): WiredSource[] {
  const files = sources.map(({ name, text }) => parseManifests(name, text))
  const names = options.containers
  const isWanted = ({ value }: Manifest): boolean => podTemplates(value).some(({ spec }) => hasTarget(spec, names))
  const wired = files.map((file, index): WiredSource => {
    const wanted = new Set(file.manifests.filter(isWanted))
    const values = file.manifests.map((manifest) =>
      wanted.has(manifest) ? wiredValue(file, manifest, options) : manifest.value,
    )
    return { source: sources[index] as Source, text: changedText(file, values), wired: wanted.size }
  })
  const hasTemplates = files.some(({ manifests }) => manifests.some(({ value }) => podTemplates(value).length > 0))
  if (hasTemplates && wired.every((source) => source.wired === 0)) {
    throw new WiringError(
      'CONTAINER_MISSING',
      `no pod has a container ${JSON.stringify(names)}; name one that is there`,
    )
  }
  return wired
}

function wiredValue(file: ManifestFile, manifest: Manifest, options: WireOptions): unknown {
  try {
    return wire(manifest.value as object, options)
  } catch (error) {
    if (!(error instanceof WiringError)) throw error
    const path = podTemplates(manifest.value)[0]?.path ?? []
    const where = `${file.name}:${lineOf(file, manifest, path)}`
    throw new WiringError(error.code, `${where}: ${error.message}`, { cause: error })
  }
}
