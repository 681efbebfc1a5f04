/** Rules on what our programs refuse, wherever a pod runs them. */
import { guardProgram, probeProgram, runs, variableFor } from '../conventions.js'
import { commandWord, type Environment, environmentOf, hookWord, probeWord } from '../expansion.js'
import {
  isUnread,
  nearestVariable,
  type ProgramName,
  type Refusal,
  refusalsOf,
  rowsOf,
  variableRefusalsOf,
} from '../program-refusals.js'
import { checkNames } from '../settings.js'
import { baseName, fieldOf, isFields, objectsOf, textsOf } from '../shape.js'
import type { Container, Path } from '../types.js'
import { argvOf, isShell, scriptOf, wrappers } from './programs.js'
import { allPlaced, type Observation, type Placed, probeOf, type Rule } from './rule.js'

/** One of our programs as a container starts it. */
interface Invocation {
  program: ProgramName
  argv: string[]
  path: Path
}

/** Each run of our programs in a container: as its own command, by probes, by hooks. */
function invocationsOf({ container, path }: Placed, environment: Environment): Invocation[] {
  const command = [...textsOf(container.command), ...textsOf(container.args)]
  const started = textsOf(container.command).length === 0 ? [] : command
  const runs: [words: string[], path: Path][] = [
    [started.map((word) => commandWord(word, environment)), [...path, 'command']],
    ...checkNames.map((check): [string[], Path] => [
      argvOf(probeOf(container, check)).map((word) => probeWord(word, container)),
      [...path, `${check}Probe`, 'exec', 'command'],
    ]),
    ...['postStart', 'preStop'].map((hook): [string[], Path] => [
      hookOf(container, hook).map(hookWord),
      [...path, 'lifecycle', hook, 'exec', 'command'],
    ]),
  ]
  return runs.flatMap(([words, at]) => {
    const [first = '', ...argv] = ownWords(words)
    const program = programOf(first)
    return program === undefined ? [] : [{ program, argv, path: at }]
  })
}

/** The words from our program on, if it is started behind a wrapper, or by a script that is nothing but one command. */
function ownWords(words: string[]): string[] {
  const [first = ''] = words
  if (wrappers.has(baseName(first))) {
    const start = words.findIndex((word, index) => index > 0 && (programOf(word) !== undefined || isShell(word)))
    return start < 0 ? words : ownWords(words.slice(start))
  }
  const script = isShell(first) ? scriptOf(words)?.script : undefined
  // Quotes, variables, operators: what a shell makes of them cannot be known here.
  if (script === undefined || !/^[\w\s./:=,@%+-]*$/.test(script)) return words
  const [command = '', ...more] = script.trim().split(/\s+/)
  return command === 'exec' ? more : [command, ...more]
}

function programOf(path: string): ProgramName | undefined {
  return ([probeProgram, guardProgram] as const).find((program) => runs(program, [path]))
}

function hookOf(container: Container, hook: string): string[] {
  const handler = fieldOf(container.lifecycle ?? {}, hook)
  const exec = isFields(handler) ? handler['exec'] : undefined
  return isFields(exec) ? textsOf(exec['command']) : []
}

export const refusedByProgram: Rule = {
  id: 'refused-by-program',
  severity: 'error',
  reason:
    'A program that does not know an argument, or cannot read a value, exits 2: every probe fails, and a guard never ' +
    'starts its command.',
  remedy: 'Write flags and values as shm-probe --help and shm-guard --help show them.',
  check: (pod) =>
    allPlaced(pod.spec).flatMap((placed) => {
      const { container, path } = placed
      const environment = environmentOf(container)
      const invocations = invocationsOf(placed, environment)
      const refused = invocations.flatMap((invocation) =>
        refusalsOf(invocation.program, invocation.argv, environment).map((refusal) => ({ ...refusal, ...invocation })),
      )
      const found = [
        ...refused.map((refusal) => observe(container, refusal, placeOf(container, refusal, path) ?? refusal.path)),
        ...hidden(environment, invocations).map((refusal) =>
          observe(container, refusal, placeOf(container, refusal, path) ?? path),
        ),
      ]
      // One variable may be refused by several probes.
      return [...new Map(found.map((each) => [JSON.stringify([each.path, each.message]), each])).values()]
    }),
}

function observe(container: Container, { message }: Refusal, path: Path): Observation {
  return { path, container: container.name ?? '', message }
}

function placeOf(container: Container, { variable }: Refusal, path: Path): Path | undefined {
  const index = Array.isArray(container.env) ? container.env.findLastIndex((each) => each?.name === variable) : -1
  return variable === undefined || index < 0 ? undefined : [...path, 'env', index]
}

/**
 * Variables of a program that cannot be seen: it is the image's ENTRYPOINT, or a script starts it. Where one of our
 * programs can be seen, only of the other one, and only what that one alone reads.
 */
function hidden(environment: Environment, seen: readonly Invocation[]): Refusal[] {
  const unseen = ([probeProgram, guardProgram] as const).filter(
    (program) => !seen.some((invocation) => invocation.program === program),
  )
  const isReadBySeen = ({ variable }: Refusal): boolean =>
    seen.some(({ program }) => rowsOf[program].some((row) => row.hasVariable && variableFor(row.flag) === variable))
  return unseen
    .flatMap((program) => variableRefusalsOf(program, environment))
    .filter((refusal) => !isReadBySeen(refusal))
}

export const unknownVariable: Rule = {
  id: 'unknown-variable',
  severity: 'warning',
  reason: 'No program of shm-liveness reads a variable of this name, so the setting has no effect.',
  remedy: 'Correct the name: it is SHM_LIVENESS_ and the flag in capitals, as in SHM_LIVENESS_MAX_AGE.',
  check: (pod) =>
    allPlaced(pod.spec).flatMap(({ container, path }) =>
      objectsOf(container.env).flatMap(({ name }) => {
        if (typeof name !== 'string' || !isUnread(name)) return []
        const index = (container.env ?? []).findIndex((each) => each?.name === name)
        const meant = nearestVariable(name)
        const message = `no program reads ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`
        return [{ path: [...path, 'env', index], container: container.name ?? '', message }]
      }),
    ),
}
