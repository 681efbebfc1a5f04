import { guardProgram, runs } from '../kubernetes/conventions.js'
import { isUnpullable } from '../kubernetes/image.js'
import { type Container, type PodTemplate, podTemplates, type WireOptions, WiringError } from '../kubernetes/index.js'
import { isInstaller } from '../kubernetes/installer.js'
import { whyNoTemplate } from '../kubernetes/kinds.js'
import { ownerOf } from '../kubernetes/pod-templates.js'
import { objectsOf } from '../kubernetes/shape.js'
import { wireSettings } from '../kubernetes/wire-options.js'
import { Wiring } from '../kubernetes/wiring.js'
import type { Source } from './input.js'
import { changedText } from './yaml/changed-text.js'
import { lineOf, type Manifest } from './yaml/documents.js'

export interface WiredSource {
  source: Source
  text: string
}

export interface WiredSources {
  sources: WiredSource[]
  /** What the user must know, though it stands in the way of nothing here. */
  warnings: string[]
}

/**
 * Wires all documents of all sources that have a pod template with one of the containers named; others stay as they
 * are, byte for byte.
 *
 * @param ifPresent accept that a container that was named is in none of them
 * @throws WiringError naming file and line; CommandError `unreadable`
 */
export function wireSources(sources: readonly Source[], options: WireOptions, ifPresent: boolean): WiredSources {
  const wiring = new Wiring(wireSettings(options))
  let wired = 0
  const notes = new Set<string>()
  const untemplated: string[] = []
  const results = sources.map((source): WiredSource => {
    const text = changedText(source.name, source.text, (manifest) => {
      const templates = podTemplates(manifest.value)
      const reason = templates.length === 0 ? whyNoTemplate(manifest.value) : undefined
      if (reason !== undefined) untemplated.push(`${source.name}:${lineOf(manifest, [])}: not wired: ${reason}`)
      if (!wiring.hasTarget(templates)) return wiredValue(source, manifest, templates, wiring)
      wired++
      const value = wiredValue(source, manifest, templates, wiring)
      for (const note of notesOn(value)) notes.add(note)
      return value
    })
    return { source, text }
  })
  const missing = wiring.whyMissing()
  if (!ifPresent) wiring.requireContainers()
  wiring.requireCommanded()
  const nothing = wired === 0 ? 'nothing was wired' : 'the others were wired'
  const why = missing ?? (wired === 0 ? 'there is no pod template' : undefined)
  return {
    sources: results,
    warnings: [...(why === undefined ? [] : [`${nothing}: ${why}`, ...untemplated]), ...notes],
  }
}

/** What a user must know of pods that were wired. */
function notesOn(value: unknown): string[] {
  const templates = podTemplates(value)
  const installers = templates.flatMap(({ spec }) => objectsOf(spec.initContainers)).filter(isInstaller)
  const unguarded = templates
    .filter(({ platform }) => platform === 'knative')
    .filter(({ spec }) => objectsOf(spec.containers).some(({ command }) => !runs(guardProgram, command)))
  return [...installers.filter(isUnpullable).map(sayLocal), ...unguarded.map(saySlow)]
}

function sayLocal({ image }: Container): string {
  return (
    `no cluster can pull the image ${image}, since localhost is no registry; push it to one and give its name ` +
    '(--image), or import it on each node'
  )
}

/** `makePodSpec` of Knative takes the revision's `timeoutSeconds` for the pod's grace. */
function saySlow(template: PodTemplate): string {
  return (
    `${ownerOf(template)}: Knative leaves a stalled container its timeoutSeconds (300 by default) to end in; let the ` +
    'guard end it in seconds (--guard), or lower timeoutSeconds'
  )
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
