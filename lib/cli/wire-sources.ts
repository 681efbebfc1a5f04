import { podTemplates, type WireOptions, WiringError, wire } from '../kubernetes/index.js'
import { hasTarget } from '../kubernetes/wire.js'
import type { Source } from './input.js'
import { changedText } from './yaml/changed-text.js'
import { lineOf, type Manifest } from './yaml/documents.js'

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
  let hasTemplates = false
  const results = sources.map((source): WiredSource => {
    let wired = 0
    const text = changedText(source.name, source.text, (manifest) => {
      const templates = podTemplates(manifest.value)
      hasTemplates ||= templates.length > 0
      if (!templates.some(({ spec }) => hasTarget(spec, options.containers))) return manifest.value
      wired++
      return wiredValue(source, manifest, options)
    })
    return { source, text, wired }
  })
  if (hasTemplates && results.every(({ wired }) => wired === 0)) {
    const names = JSON.stringify(options.containers)
    throw new WiringError('CONTAINER_MISSING', `no pod has a container ${names}; name one that is there`)
  }
  return results
}

function wiredValue(source: Source, manifest: Manifest, options: WireOptions): unknown {
  try {
    return wire(manifest.value as object, options)
  } catch (error) {
    if (!(error instanceof WiringError)) throw error
    const path = podTemplates(manifest.value)[0]?.path ?? []
    const where = `${source.name}:${lineOf(manifest, path)}`
    throw new WiringError(error.code, `${where}: ${error.message}`, { cause: error })
  }
}
