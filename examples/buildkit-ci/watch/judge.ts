import type { Budgets } from '../progress/budgets.js'
import { noStep, type RunningStep } from '../progress/build-steps.js'
import { phaseText, spanText } from '../progress/words.js'

export interface Build {
  ref: string
  /** The steps that run, the most silent first. */
  steps: readonly [RunningStep, ...RunningStep[]]
}

export interface Seen {
  /** For how long the daemon has owed an answer, and to which question; undefined: it owes none. */
  owed: { question: string; waitedMs: number } | undefined
  builds: readonly Build[]
}

export interface Limits {
  /** How long the daemon may take to answer. */
  apiAnswerMs: number
  budgets: Budgets
}

/** What is told before anything is ended. `key` is the same as long as it is the same stall. */
export interface Stall {
  key: string
  kind: 'api' | 'step'
  text: string
}

export interface Judgement {
  stalls: Stall[]
  /** Why the daemon must be ended, as the name of a phase; undefined: it must not. */
  ending: string | undefined
}

/** An answer that takes this part of its limit is told. */
const toldPart = 0.5

/**
 * Idle is healthy, and so is busy. A step that is silent beyond its first budget is told. The daemon is ended only if it
 * owes an answer for too long, or if each running step of each running build is silent beyond its second budget: as long as
 * one build makes progress, ending the daemon would cost more than the stall. A build that waits for its turn behind hung
 * steps has no longer budget than they.
 */
export function judge({ owed, builds }: Seen, { apiAnswerMs, budgets }: Limits): Judgement {
  const stalls: Stall[] = []
  if (owed !== undefined && owed.waitedMs >= apiAnswerMs * toldPart) {
    stalls.push({ key: 'api', kind: 'api', text: `no answer to ${owed.question} for ${spanText(owed.waitedMs)}` })
  }
  for (const { ref, steps } of builds) {
    for (const { name, silentMs } of steps) {
      if (silentMs < budgets.of(name).toldAfterMs) continue
      const text = `no progress in ${name} for ${spanText(silentMs)}, build ${ref}`
      stalls.push({ key: `${ref} ${name}`, kind: 'step', text })
    }
  }
  return { stalls, ending: endingOf({ owed, builds }, { apiAnswerMs, budgets }) }
}

function endingOf({ owed, builds }: Seen, { apiAnswerMs, budgets }: Limits): string | undefined {
  if (owed !== undefined && owed.waitedMs >= apiAnswerMs) {
    return phaseText('no answer to ', owed.question, ` for ${spanText(owed.waitedMs)}`)
  }
  const steps = builds.flatMap(({ steps }) => steps)
  const working = steps.filter(({ name }) => name !== noStep)
  const isBeyond = ({ name, silentMs }: RunningStep): boolean => {
    const isQueued = name === noStep && working.length > 0
    const { endedAfterMs } = isQueued ? budgets.usual : budgets.of(name)
    return endedAfterMs !== undefined && silentMs >= endedAfterMs
  }
  if (!steps.every(isBeyond)) return undefined
  const worst = (working.length > 0 ? working : steps).reduce<RunningStep | undefined>(
    (most, step) => (most === undefined || step.silentMs > most.silentMs ? step : most),
    undefined,
  )
  return worst === undefined ? undefined : phaseText('no progress in ', worst.name, ` for ${spanText(worst.silentMs)}`)
}
