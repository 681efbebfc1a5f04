import { type PodTemplate, podTemplates, type WireOptions, WiringError } from '../kubernetes/index.js'
import { wireSettings } from '../kubernetes/wire-options.js'
import { Wiring } from '../kubernetes/wiring.js'
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
 * are, byte for byte. Each container named must be in one of them.
 *
 * @throws WiringError naming file and line; CommandError `unreadable`
 */
export function wireSources(sources: readonly Source[], options: WireOptions): WiredSource[] {
  const wiring = new Wiring(wireSettings(options))
  let hasTemplates = false
  const results = sources.map((source): WiredSource => {
    let wired = 0
    const text = changedText(source.name, source.text, (manifest) => {
      const templates = podTemplates(manifest.value)
      hasTemplates ||= templates.length > 0
      if (wiring.hasTarget(templates)) wired++
      return wiredValue(source, manifest, templates, wiring)
    })
    return { source, text, wired }
  })
  if (hasTemplates) wiring.requireComplete()
  return results
}

/** One template at a time, so that a refusal has the line of the one that it is about. */
function wiredValue(source: Source, manifest: Manifest, templates: PodTemplate[], wiring: Wiring): unknown {
  return templates.reduce((value, template) => {
    try {
      return wiring.wired(value, [template])
    } catch (error) {
      if (!(error instanceof WiringError)) throw error
      const where = `${source.name}:${lineOf(manifest, template.path)}`
      throw new WiringError(error.code, `${where}: ${error.message}`, { cause: error })
    }
  }, manifest.value)
}
