/** What `shm-probe --json` said. It ran in a container that may be hostile: all of it is data, checked and made printable. */
import { type Fields, isFields, textOf, textsOf } from '../../kubernetes/shape.js'
import { printable } from '../output.js'
import { type SeenWorker, workerStates } from '../workers/seen.js'

export interface ProbeAnswer {
  healthy: boolean
  /** The verdict and why. */
  line: string
  workers: (SeenWorker & { region: string })[]
}

/** undefined: the text is not an answer. */
export function probeAnswerOf(text: string): ProbeAnswer | undefined {
  const value = parsed(text)
  if (!isFields(value) || typeof value['healthy'] !== 'boolean' || !Array.isArray(value['workers'])) return undefined
  const verdict = textIn(value, 'verdict')
  // A healthy verdict has no line.
  return {
    healthy: value['healthy'],
    line: textIn(value, 'line') || verdict,
    workers: value['workers'].filter(isFields).map(workerOf),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function workerOf(fields: Fields): SeenWorker & { region: string } {
  const number = (name: string): number => (typeof fields[name] === 'number' ? fields[name] : 0)
  const ms = (name: string): number => number(name) / 1e6
  const text = (name: string): string | null => (typeof fields[name] === 'string' ? textIn(fields, name) : null)
  return {
    region: textIn(fields, 'region'),
    name: textIn(fields, 'name'),
    state: workerStates.find((state) => state === fields['condition']) ?? 'unusable',
    ready: fields['ready'] === true,
    status: text('status'),
    phase: text('phase'),
    ageMs: ms('ageNs'),
    limitMs: ms('limitNs'),
    beats: number('beats'),
    worstCycleMs: ms('worstCycleNs'),
    lateCycles: number('lateCycles'),
    pid: number('pid'),
    slot: number('slot'),
    claims: number('claims'),
    where: whereOf(textsOf(fields['where']).map(printable)),
    // The probe does not tell these.
    slowPlaces: [],
    lastWords: null,
  }
}

/** The probe gives only what was taken in the present silence, and does not say of which kind the first line is. */
function whereOf(frames: string[]): SeenWorker['where'] {
  if (frames.length === 0) return null
  const isFrame = /:\d+\)?$/.test(frames[0] as string)
  const kind = isFrame ? 'javascript' : frames.length === 1 ? 'native' : 'native-and-javascript'
  return { kind, isCurrent: true, frames }
}

function textIn(fields: Fields, name: string): string {
  return printable(textOf(fields[name]) ?? '')
}
