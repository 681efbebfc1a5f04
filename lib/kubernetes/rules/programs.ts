/** What our programs are told in a container: by their flags, else by its environment. */
import { defaultRegion, guardProgram, kubeletTerminationLog, runs, variableFor, variableOf } from '../conventions.js'
import type { GuardedCommand } from '../guard.js'
import { baseName, fieldOf, isFields, objectsOf, textOf, textsOf } from '../shape.js'
import type { Container, Probe } from '../types.js'

/** The arguments of a probe's program; none, if it execs nothing. */
export function argvOf(probe: Probe | undefined): string[] {
  return textsOf(probe?.exec?.command)
}

/** Whether a guard starts something; otherwise it is a sidecar, which only answers. */
export function guardsProgram(guard: GuardedCommand | undefined): boolean {
  return guard !== undefined && (guard.program !== undefined || valuesOf(guard.flags, 'steps').length > 0)
}

const shells = new Set(['sh', 'bash', 'ash', 'dash', 'zsh', 'ksh'])

export function isShell(word: string): boolean {
  return shells.has(baseName(word))
}

/** Programs that start the program among their arguments. */
export const wrappers = new Set([
  'env',
  'timeout',
  'nice',
  'ionice',
  'setpriv',
  'su-exec',
  'gosu',
  'tini',
  'dumb-init',
  'busybox',
])

/** The script after `-c`, and the words behind it, which are its $0, $1 and so on. */
export function scriptOf([, ...words]: string[]): { script: string; more: string[] } | undefined {
  const end = firstOperand(words)
  const isGiven = words.slice(0, end).some((word) => /^-[a-z]*c/.test(word))
  return isGiven ? { script: words[end] ?? '', more: words.slice(end + 1) } : undefined
}

/** The index of the first word that is no option, nor the value of one. */
export function firstOperand(words: string[]): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (word === '--') return at + 1
    if (!/^[-+]./.test(word)) return at
    if (/^[-+][a-z]*[oO]$|^--(rcfile|init-file)$/.test(word)) at++
  }
  return words.length
}

/** Whether a guard may run without being seen: the image's ENTRYPOINT, something that starts it, a script. */
export function mayHideGuard(container: Container): boolean {
  const command = textsOf(container.command)
  if (runs(guardProgram, command)) return false
  const isScript = (word: string): boolean => isShell(word) || word.endsWith('.sh')
  return (
    command.length === 0 ||
    // `args` follow `command` in the kubelet.
    [...command, ...textsOf(container.args)].some(
      (word) => word.includes(guardProgram) || isScript(word) || isReference(word),
    )
  )
}

/** The values of a flag, in both of its spellings; an empty text for one without a value. */
export function valuesOf(argv: readonly string[], name: string): string[] {
  const flag = `--${name}`
  return argv.flatMap((word, at) => {
    if (word.startsWith(`${flag}=`)) return [word.slice(flag.length + 1)]
    return word === flag ? [argv[at + 1] ?? ''] : []
  })
}

/** A setting that can be read here: its flag, else the literal value of its variable. */
export function told(container: Container, argv: readonly string[], name: string): string | undefined {
  const value = valuesOf(argv, name).at(-1) ?? variableOf(container, variableFor(name))
  return value === undefined || isReference(value) ? undefined : value
}

/** Whether a setting comes from elsewhere: `valueFrom`, `envFrom`, or a reference to another variable. */
export function isOpen(container: Container, argv: readonly string[], name: string): boolean {
  const flag = valuesOf(argv, name).at(-1)
  if (flag !== undefined) return isReference(flag)
  const variable = variableFor(name)
  const entry = objectsOf(container.env).findLast((each) => each.name === variable)
  if (entry !== undefined) return isFields(entry.valueFrom) || isReference(textOf(entry.value) ?? '')
  return objectsOf(fieldOf(container, 'envFrom') as object[]).some((source) => {
    return variable.startsWith(textOf(fieldOf(source, 'prefix')) ?? '')
  })
}

/** Whether there is a `$(NAME)` in it, which the kubelet replaces. */
export function isReference(text: string): boolean {
  return text.includes('$(')
}

/** The regions that a program looks at; undefined if that cannot be read here. */
export function regionsOf(container: Container, argv: readonly string[]): string[] | undefined {
  const flags = valuesOf(argv, 'region')
  if (isOpen(container, argv, 'region') || flags.some(isReference)) return undefined
  const lists = flags.length > 0 ? flags : [told(container, [], 'region') ?? defaultRegion]
  const names = lists.flatMap((list) => list.split(','))
  return [...new Set(names.filter((name) => name !== ''))].sort()
}

/** The termination log that a program writes: a path; undefined for none. A flag without a value is the default. */
export function terminationLogOf(container: Container, argv: readonly string[]): string | undefined {
  const flag = argv.findLast((word) => /^--termination-log(=|$)/.test(word))
  if (flag !== undefined) return flag.split('=')[1] ?? kubeletTerminationLog
  const value = told(container, [], 'termination-log')
  if (value === '1' || value === 'true') return kubeletTerminationLog
  return value === '0' || value === 'false' ? undefined : value
}

/** Where the kubelet reads. Empty is "not given" to the API. */
export function terminationPathOf(container: Container): string {
  return textOf(fieldOf(container, 'terminationMessagePath')) || kubeletTerminationLog
}
