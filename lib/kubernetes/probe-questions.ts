/** How a running pod is asked: by the command of its own probe, and without leaving a trace in the pod. */
import { defaultRegion, guardProgram, probeProgram, runs } from './conventions.js'
import { probeWord } from './expansion.js'
import { allContainers, guardedCommand } from './guard.js'
import { commonRows, type FlagRow, probeRows } from './program-rows.js'
import { isOpen, regionsOf, told } from './rules/programs.js'
import { textsOf } from './shape.js'
import type { Container, PodSpec } from './types.js'

export interface ProbeQuestion {
  container: string
  /** An argv that prints JSON. */
  command: string[]
}

/**
 * A command for each container that a probe of ours looks at, or whose entrypoint is the guard. Containers that look at
 * the same regions are one question, to the first of them: a pod shares its /dev/shm.
 */
export function probeQuestions(spec: PodSpec): ProbeQuestion[] {
  const questions = new Map<string, ProbeQuestion>()
  for (const container of allContainers(spec)) {
    const command = commandOf(container)
    if (command === undefined || typeof container.name !== 'string') continue
    const key = subjectOf(container, command)
    if (!questions.has(key)) questions.set(key, { container: container.name, command })
  }
  return [...questions.values()]
}

/** The probe whose answer is the most useful first. */
const fields = ['livenessProbe', 'startupProbe', 'readinessProbe'] as const

function commandOf(container: Container): string[] | undefined {
  const probe = fields.map((field) => textsOf(container[field]?.exec?.command)).find((argv) => runs(probeProgram, argv))
  if (probe !== undefined) {
    const [program = '', ...flags] = probe.map((word) => probeWord(word, container))
    return [program, ...kept(flags, probeRows), ...output]
  }
  const guard = guardedCommand(container)
  if (guard === undefined) return undefined
  // The probe lies beside the guard: `shm-probe --install` copies both.
  const program = textsOf(container.command)[0]?.replace(new RegExp(`${guardProgram}$`), probeProgram) ?? probeProgram
  return [program, ...kept(guard.flags, commonRows), ...output]
}

/** A question writes no record of a death: that belongs to the kubelet's probe. A flag wins over its variable. */
const output = ['--termination-log=/dev/null', '--json']
const replaced = ['termination-log', 'json', 'verbose']

/** The flags of these rows, with their values. What the guard alone takes means nothing to the probe. */
function kept(argv: readonly string[], rows: readonly FlagRow[]): string[] {
  const words: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string
    const name = /^--([^=]*)/.exec(word)?.[1]
    const row = rows.find(({ flag }) => flag === name)
    const isFollowed = row?.takes === 'value' && !word.includes('=')
    if (row !== undefined && !replaced.includes(row.flag)) {
      words.push(word, ...(isFollowed ? argv.slice(at + 1, at + 2) : []))
    }
    if (isFollowed) at++
  }
  return words
}

/** What tells one question from another: the regions, and where they are. */
function subjectOf(container: Container, command: readonly string[]): string {
  const regions = regionsOf(container, command)
  if (regions === undefined || isOpen(container, command, 'dir')) return `of ${container.name}`
  return JSON.stringify([regions.length === 0 ? [defaultRegion] : regions, told(container, command, 'dir') ?? ''])
}
