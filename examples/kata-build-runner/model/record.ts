/** The outcomes of a guard's record (`docs/guard.md`, "The record"). */
export const recordOutcomes = [
  'exited',
  'signalled',
  'stalled',
  'dead',
  'missing',
  'timed-out',
  'terminated',
  'not-started',
] as const

export type RecordOutcome = (typeof recordOutcomes)[number]

/** What the guard left in the termination message. */
export interface GuardRecord {
  outcome: RecordOutcome
  /** The guard's exit status. */
  exit: number
  verdict?: string
  line?: string
  phase?: string
  step?: { number: number; of: number; name: string }
  /** Of the steps. */
  outputBytes?: number
  /** Of the whole log before the guard's final mark, its other lines included. Older guards do not say it. */
  written?: number
  restarts?: number
  /** RFC 3339, whole seconds. */
  time: string
  /** Written at a SIGTERM, for the case that the kubelet's patience ends first: what came of it, it does not say. */
  interim: boolean
}

// The kubelet's pods share 12 KiB of termination messages, 4 KiB each; a record is shorter.
const mostBytes = 4096
const interimWords = 'the command had not ended yet'

/**
 * The record in a container's termination message: its last line that is one. Undefined if there is none, or if it was
 * cut short or does not have the form that the guard gives it: a record that is half understood proves nothing.
 */
export function parseRecord(message: string): GuardRecord | undefined {
  const lines = message.slice(-mostBytes).trimEnd().split('\n')
  for (const line of lines.reverse()) {
    if (!line.startsWith('{')) continue
    const record = recordOf(parsed(line))
    if (record !== undefined) return record
  }
  return undefined
}

/**
 * The record in the log's final mark, for a build whose termination message is lost with its pod. The mark does not
 * name the step, so that comes from the last `end` mark before it; without one nothing was ever run.
 *
 * @param time RFC 3339, of the mark's line
 */
export function recordOfMarks(final: unknown, lastEnd: unknown, time: string): GuardRecord | undefined {
  if (!isFields(final)) return undefined
  const last = isFields(lastEnd) ? { number: lastEnd['step'], of: lastEnd['of'], name: lastEnd['name'] } : undefined
  return recordOf({ ...final, step: last, time })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function recordOf(value: unknown): GuardRecord | undefined {
  if (!isFields(value)) return undefined
  const { exit, time } = value
  const outcome = recordOutcomes.find((known) => known === value['outcome'])
  if (outcome === undefined || !isCount(exit) || exit > 255 || typeof time !== 'string') return undefined
  const step = stepOf(value['step'])
  if (value['step'] !== undefined && step === undefined) return undefined
  const line = value['line']
  return {
    outcome,
    exit,
    ...texts(value),
    ...(step === undefined ? {} : { step }),
    ...counts(value),
    time,
    interim: outcome === 'terminated' && typeof line === 'string' && line.includes(interimWords),
  }
}

function stepOf(value: unknown): GuardRecord['step'] {
  if (!isFields(value)) return undefined
  const { number, of, name } = value
  return isCount(number) && isCount(of) && number >= 1 && number <= of && typeof name === 'string'
    ? { number, of, name }
    : undefined
}

function texts(value: Record<string, unknown>): Pick<GuardRecord, 'verdict' | 'line' | 'phase'> {
  const names = ['verdict', 'line', 'phase'] as const
  return Object.fromEntries(names.filter((name) => typeof value[name] === 'string').map((name) => [name, value[name]]))
}

function counts(value: Record<string, unknown>): Pick<GuardRecord, 'outputBytes' | 'written' | 'restarts'> {
  const names = ['outputBytes', 'written', 'restarts'] as const
  return Object.fromEntries(names.filter((name) => isCount(value[name])).map((name) => [name, value[name]]))
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
