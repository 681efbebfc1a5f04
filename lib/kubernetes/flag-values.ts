/** The kinds of values that the programs' flags and variables take, each as the programs read it. */
import { parseDuration, unitHint } from '../duration.js'
import { listenAddressOf } from './listen-address.js'
import { isName, mostExpected, mostWorkers, nameRule } from './names.js'
import { isSignal } from './signals.js'

/** A kind of value. */
export interface ValueKind {
  /** Completes "is not …": what the program expects. */
  expected: string
  /** Whether a program takes it. Never asked for an empty text, which no flag takes. */
  accepts(value: string): boolean
  /** What a value lacks that is nearly right. */
  hint?(value: string): string | undefined
}

/** Why a value is refused. Completes "VALUE ". */
export function refusalOf(kind: ValueKind, value: string): string {
  const hint = kind.hint?.(value)
  return `is not ${kind.expected}${hint === undefined ? '' : `; ${hint}`}`
}

const mostSocketPathBytes = 107
const mostDirectoryBytes = 255
/** One below (uid_t)-1, which means "nobody in particular" to the kernel. */
const greatestId = 2 ** 32 - 2
export const mostRestarts = 1_000_000
const mostRegions = 4

export const anything: ValueKind = { expected: 'a value', accepts: () => true }

export function oneOf(...words: string[]): ValueKind {
  return { expected: `one of ${words.join(', ')}`, accepts: (value) => words.includes(value) }
}

/** A duration of at least so many nanoseconds. */
export function duration(leastNs: number): ValueKind {
  const least = { 0: '', 1: ' above 0' }[leastNs] ?? ` of at least ${leastNs / 1000}us`
  return {
    expected: `a duration${least}, for example 250ms, 1.5s or 1m30s`,
    accepts: (value) => (parseDuration(value) ?? -1) >= leastNs,
    hint: unitHint,
  }
}

export function number(least: number, most: number): ValueKind {
  return {
    expected: `a whole number from ${least} to ${most}`,
    accepts: (value) => /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most,
  }
}

/** The names of a list; the programs skip empty ones. */
export function namesIn(list: string): string[] {
  return list.split(',').filter((name) => name !== '')
}

export const names: ValueKind = {
  expected: `a list of up to ${mostExpected} names (each ${nameRule})`,
  accepts: (value) => {
    const all = namesIn(value)
    return all.length > 0 && all.length <= mostExpected && all.every(isName)
  },
}

export const regions: ValueKind = {
  expected: `a list of up to ${mostRegions} names (each ${nameRule})`,
  accepts: (value) => names.accepts(value) && new Set(namesIn(value)).size <= mostRegions,
}

export const name: ValueKind = { expected: `a name (${nameRule})`, accepts: isName }

export const nonce: ValueKind = {
  expected: 'a text of 1 to 32 of A-Z a-z 0-9 . _ - without a leading dot',
  accepts: (value) => isName(value) && value.length <= 32,
}

export const signal: ValueKind = { expected: 'a signal, for example ABRT, SIGTERM or 6', accepts: isSignal }

export const signsOfLife: ValueKind = {
  expected: 'a list of output, cpu and io',
  accepts: (value) => {
    const all = namesIn(value)
    return all.length > 0 && all.every((sign) => ['output', 'cpu', 'io'].includes(sign))
  },
}

export const directory: ValueKind = {
  expected: `a path of up to ${mostDirectoryBytes} bytes`,
  accepts: (value) => bytesOf(value) <= mostDirectoryBytes,
}

export const socketPath: ValueKind = {
  expected: `an absolute path of up to ${mostSocketPathBytes} bytes`,
  accepts: (value) => value.startsWith('/') && bytesOf(value) <= mostSocketPathBytes,
}

export const owner: ValueKind = {
  expected: 'UID or UID:GID, both numbers',
  accepts: (value) => /^\d+(:\d+)?$/.test(value) && value.split(':').every((id) => Number(id) <= greatestId),
}

export const address: ValueKind = {
  expected: 'an address with a port, for example 0.0.0.0:9808 or [::]:9808',
  accepts: (value) => listenAddressOf(value) !== undefined,
}

export const workers = number(1, mostWorkers)
export const restarts = number(0, mostRestarts)

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
