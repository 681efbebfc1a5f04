/** Whether our programs take a command line and an environment, as `FlagParser` in `probe/flags.hpp` reads both. */
import { guardProgram, probeProgram, variableFor, variablePrefix } from './conventions.js'
import { type Environment, isKnown, unknownText } from './expansion.js'
import { namesIn, refusalOf, regions } from './flag-values.js'
import { notifyRefusal } from './notify-refusals.js'
import { guardContradiction, probeContradiction, type Settings } from './program-contradictions.js'
import { type FlagRow, guardRows, probeRows } from './program-rows.js'
import { nearest } from './spelling.js'

export type ProgramName = typeof probeProgram | typeof guardProgram

/** Why a program would exit 2. */
export interface Refusal {
  message: string
  /** The variable that is refused; undefined: the arguments are. */
  variable?: string
}

export const rowsOf: Record<ProgramName, readonly FlagRow[]> = {
  [probeProgram]: probeRows,
  [guardProgram]: guardRows,
}

/**
 * Each reason for which a program refuses its arguments (without its own name) and environment; none if it takes them.
 * What is unknown here is taken to be right.
 */
export function refusalsOf(program: ProgramName, argv: readonly string[], environment: Environment): Refusal[] {
  const isGuard = program === guardProgram
  if (isGuard && argv[0] === 'notify') {
    const message = notifyRefusal(argv.slice(1))
    return message === undefined ? [] : [{ message }]
  }
  const end = isGuard ? argv.indexOf('--') : -1
  const flags = end < 0 ? argv : argv.slice(0, end)
  const rows = rowsOf[program]
  const { settings, refusals, isOpen } = flagsRead(rows, flags)
  const [mode, ...otherModes] = modes.filter((flag) => settings.has(flag))
  if (otherModes.length > 0 && !isGuard) {
    return [...refusals, { message: `only one of ${modes.map((flag) => `--${flag}`).join(', ')} at a time` }]
  }
  if (mode === undefined || mode === 'self-test') {
    refusals.push(...variablesRead(rows, settings, environment))
  } else if (isGuard) {
    return refusals
  }
  if (refusals.length > 0 || isOpen) return refusals
  const command = end < 0 ? undefined : argv.slice(end + 1)
  const contradiction = isGuard ? guardContradiction(settings, command) : probeContradiction(settings)
  return contradiction === undefined ? [] : [{ message: contradiction }]
}

/** What a program does instead of its usual work, and without a look at its variables but for the first. */
const modes = ['self-test', 'install', 'version', 'help']

/** The values of variables that a program refuses, whatever its arguments are. */
export function variableRefusalsOf(program: ProgramName, environment: Environment): Refusal[] {
  return variablesRead(rowsOf[program], new Map(), environment)
}

/** A variable that no program reads, though its name begins as if one did; the name that may be meant. */
export function isUnread(variable: string): boolean {
  return variable.startsWith(variablePrefix) && !readVariables.has(variable)
}

export function nearestVariable(variable: string): string | undefined {
  return nearest(variable, readVariables)
}

/** What workers read, and no program does: claims of the library, and shm-liveness/auto. */
const workerSettings = ['stacks', 'auto', 'thread-max-age']

const readVariables: ReadonlySet<string> = new Set([
  ...[...probeRows, ...guardRows].filter(({ hasVariable }) => hasVariable).map(({ flag }) => variableFor(flag)),
  ...workerSettings.map(variableFor),
])

function flagsRead(rows: readonly FlagRow[], argv: readonly string[]) {
  const settings: Settings = new Map()
  const refusals: Refusal[] = []
  const refuse = (message: string): void => void refusals.push({ message })
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] as string
    const name = argument.replace(/=.*$/s, '')
    // It may be any flag, with or without a value.
    if (!isKnown(name)) return { settings, refusals, isOpen: true }
    const row = rows.find(({ flag }) => name === `--${flag}`)
    if (row === undefined) {
      refuse(`unknown argument "${argument}"${meant(name, rows)}`)
      return { settings, refusals, isOpen: true } // as the programs do: what follows may belong to it
    }
    const isJoined = name !== argument
    const value = isJoined ? argument.slice(name.length + 1) : row.takes === 'value' ? (argv[++at] ?? '') : ''
    const before = settings.get(row.flag)
    if (before !== undefined && row.flag !== 'region') refuse(`${name} is given twice`)
    else if (isJoined && row.takes === 'nothing') refuse(`${name} takes no value`)
    else if (value === '' && (isJoined || row.takes === 'value')) refuse(`${name} needs a value`)
    else if (value !== '' && isKnown(value) && !row.kind.accepts(value))
      refuse(`${name} "${value}" ${refusalOf(row.kind, value)}`)
    else {
      // A region that is named twice counts once.
      const all = before === undefined ? value : [...new Set(namesIn(`${before.value},${value}`))].join(',')
      if (before !== undefined && isKnown(all) && !regions.accepts(all))
        refuse(`${name} "${all}" is not ${regions.expected}`)
      settings.set(row.flag, { value: all, byFlag: true })
    }
  }
  return { settings, refusals, isOpen: false }
}

/** Adds what the environment sets to the flags, which win. */
function variablesRead(rows: readonly FlagRow[], settings: Settings, environment: Environment): Refusal[] {
  const refusals: Refusal[] = []
  for (const row of rows.filter(({ hasVariable, flag }) => hasVariable && !settings.has(flag))) {
    const variable = variableFor(row.flag)
    const value = environment.values.get(variable) ?? (environment.mayHave(variable) ? unknownText : '')
    // An empty variable counts as unset.
    if (value === '') continue
    const isSwitch = row.takes !== 'value'
    if (isSwitch && (value === '0' || value === 'false')) continue
    if (!isKnown(value)) settings.set(row.flag, { value: unknownText, byFlag: false })
    else if (isSwitch && (value === '1' || value === 'true')) settings.set(row.flag, { value: '', byFlag: false })
    else if (row.takes === 'nothing') refusals.push({ variable, message: `${variable} "${value}" is not 1 or 0` })
    else if (!row.kind.accepts(value))
      refusals.push({ variable, message: `${variable} "${value}" ${refusalOf(row.kind, value)}` })
    else settings.set(row.flag, { value, byFlag: false })
  }
  return refusals
}

function meant(argument: string, rows: readonly FlagRow[]): string {
  const flag = nearest(
    argument,
    rows.map((row) => `--${row.flag}`),
  )
  return flag === undefined ? '' : `; did you mean ${flag}?`
}
