import { parseDuration } from '../../../lib/duration.js'
import { GuardVoice, type StepEnd, type StepNames, type StepOutcome } from './guard-voice.js'
import type { Move } from './kubelet.js'
import type { KubeObject } from './objects.js'
import type { ContainerEnd, PodLife, TermHandler } from './pod-life.js'
import { secrets } from './resources.js'

export interface StepScript {
  /** What it writes, piece by piece. @default nothing */
  output?: string | Buffer | Iterable<string | Buffer>
  /** Between two pieces, in ms. @default 0: all at once */
  everyMs?: number
  /** After its output, in ms. @default 0 */
  tookMs?: number
  /** `hangs`: it goes on until something ends it. @default exited */
  outcome?: StepOutcome | 'hangs'
  /** Of `exited`. @default 0 */
  exit?: number
  /** @default as the pod's Secret names it */
  name?: string
}

export interface GuardRun {
  /** By number; steps of the pod's Secret beyond them succeed in silence. Without a Secret these are all. */
  steps?: StepScript[]
  /** How the kubelet reports the container's end, where it is not as the guard says: `{ reason: 'OOMKilled' }`. */
  endsAs?: Partial<ContainerEnd>
  /** Of a SIGTERM until the step has ended, in ms. @default 0 */
  termMs?: number
  /** SIGTERM ends nothing: SIGKILL does, after the grace. */
  ignoresTerm?: boolean
}

const exits: Partial<Record<StepOutcome, number>> = {
  ...{ signalled: 137, stalled: 120, dead: 121, 'timed-out': 124, terminated: 143, 'not-started': 127 },
}

function lineOf(
  outcome: StepOutcome,
  exit: number,
  { name, silenceBudgetNs = 3e11, timeLimitNs = 0 }: StepNames,
): string {
  const words: Record<StepOutcome, string> = {
    exited: `exited with ${exit}`,
    signalled: 'killed by SIGKILL',
    stalled: `stalled: main last beat ${silenceBudgetNs / 1e6 + 12}ms ago (limit ${silenceBudgetNs / 1e6}ms) in phase "${name}", wait4 (do_wait), pid 17 S (sleeping), cpu 0%`,
    dead: 'dead: main died without stop(), last beat 12ms ago, pid 17',
    'timed-out': `timed out: beyond its time limit of ${timeLimitNs / 1e6}ms`,
    terminated: 'killed by SIGTERM after SIGTERM',
    'not-started': 'cannot run "/nope": no such file or directory',
  }
  return words[outcome]
}

const notes: Partial<Record<StepOutcome, (line: string) => string>> = {
  stalled: (line) => `${line}; sent SIGABRT to it`,
  dead: (line) => `${line}; sent SIGABRT to the command's processes`,
  'timed-out': (line) => `${line}; sent SIGTERM to the command's processes`,
  'not-started': (line) => line,
}

/** The steps that the pod was given, as `steps.json` of a Secret that it mounts. */
function stepsOf(life: PodLife): StepNames[] {
  const { metadata, spec } = life.pod
  for (const { secret } of spec.volumes ?? []) {
    const found = life.kubelet.store.find<KubeObject & { data?: Record<string, string> }>(
      secrets,
      metadata.namespace,
      secret?.secretName ?? '',
    )
    const file = found?.data?.['steps.json']
    if (file === undefined) continue
    const { steps } = JSON.parse(Buffer.from(file, 'base64').toString()) as { steps: Record<string, string>[] }
    const ns = (key: string, text: string | undefined) => (text === undefined ? {} : { [key]: parseDuration(text) })
    return steps.map(({ name, silenceBudget, timeLimit }) => ({
      name: name!,
      ...ns('silenceBudgetNs', silenceBudget),
      ...ns('timeLimitNs', timeLimit),
    }))
  }
  return []
}

const nonceOf = ({ command = [], args = [] }: { command?: string[]; args?: string[] }) => {
  const words = [...command, ...args]
  const at = words.indexOf('--nonce')
  return at < 0 ? '5577006791947779410' : words[at + 1]!
}

/** The build container runs the guard over its steps: marks, output, the record, the exit. */
export const guardRuns =
  ({ steps: scripts = [], endsAs = {}, termMs = 0, ignoresTerm = false }: GuardRun = {}): Move =>
  async (life) => {
    const { name, ...container } = life.pod.spec.containers[0]!
    const given = stepsOf(life)
    const count = Math.max(1, given.length === 0 ? scripts.length : given.length)
    const steps = Array.from({ length: count }, (_, index) => {
      const fallback = given[index] ?? { name: `step-${index + 1}` }
      return { ...fallback, name: scripts[index]?.name ?? fallback.name }
    })
    const log = life.log(name)
    const voice = new GuardVoice(nonceOf(container), steps, (bytes) => log.write(bytes))
    const { clock } = life.kubelet
    let began = clock.now()
    const finish = (outcome: StepOutcome, exit: number, step: StepNames): ContainerEnd => {
      const line = lineOf(outcome, exit, step)
      const end: StepEnd = { outcome, exit, line, durationNs: Math.round((clock.now() - began) * 1e6) }
      const note = notes[outcome]
      if (note !== undefined) voice.note(note(line))
      if (outcome !== 'not-started') voice.end(end)
      return { exitCode: exit, message: voice.record(end) }
    }
    const close = (outcome: StepOutcome, exit: number, step: StepNames): ContainerEnd => {
      const end = finish(outcome, exit, step)
      voice.final({ outcome, exit, durationNs: 0, line: lineOf(outcome, exit, step) })
      return end
    }
    let current = steps[0]!
    const handler: TermHandler = {
      term: async () => {
        if (ignoresTerm) return await new Promise<never>(() => {})
        await clock.sleep(termMs)
        return close('terminated', 143, current)
      },
      killed: () => ({ exitCode: 137, message: voice.interimRecord() }),
    }
    life.onTerm(name, handler)
    for (const [index, step] of steps.entries()) {
      const { output = [], everyMs = 0, tookMs = 0, outcome = 'exited', exit = 0 } = scripts[index] ?? {}
      ;[current, began] = [step, clock.now()]
      voice.begin(index + 1)
      for (const piece of typeof output === 'string' || Buffer.isBuffer(output) ? [output] : output) {
        voice.output(piece)
        if (everyMs > 0) await life.sleep(everyMs)
      }
      await life.sleep(outcome === 'hangs' ? 2 ** 30 : tookMs)
      const status = outcome === 'exited' ? exit : exits[outcome as StepOutcome]!
      const isLast = index + 1 === steps.length || status !== 0
      const end = (isLast ? close : finish)(outcome as StepOutcome, status, step)
      if (!isLast) continue
      life.ends(name, { ...end, ...endsAs })
      await life.completes()
      return
    }
  }
