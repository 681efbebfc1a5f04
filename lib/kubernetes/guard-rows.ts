/** The flags of `shm-guard`, as its own table has them (`probe/guard/options.hpp`); a test holds both together. */
import { parseDuration } from '../duration.js'
import { isName, mostExpected, mostWorkers } from './names.js'

export interface GuardRow {
  /** What it takes, as the guard's help has it; empty: nothing. */
  value: string
  /** Of a duration, in nanoseconds. @default 0 */
  least?: number
  /** What to say instead; undefined: wire passes the flag on as it is. */
  instead?: string
  /** Whether `instead` is an option of `wire`, so that a guard that is there can be asked for as it is. */
  isOption?: true
}

const neverWrapped = 'a guard with it runs no command: write such a guard in the pod'

/**
 * What the wiring decides has an `instead`. A flag would go before the container's variables, which the probes read: they
 * would ask at another port, or look for another region or elsewhere than the guard, and restart a healthy container.
 */
export const guardRows: ReadonlyMap<string, GuardRow> = new Map<string, GuardRow>([
  ['--region', { value: 'NAME,...', instead: "say region (--region), or set the container's SHM_LIVENESS_REGION" }],
  ['--expect', { value: 'A,B' }],
  ['--min', { value: 'N' }],
  ['--max-age', { value: 'DUR', least: 1 }],
  ['--startup-grace', { value: 'DUR' }],
  ['--dead-grace', { value: 'DUR' }],
  ['--cycle-window', { value: 'DUR' }],
  ['--termination-log', { value: 'PATH', instead: "set the container's terminationMessagePath", isOption: true }],
  ['--dir', { value: 'DIR', instead: "set the container's SHM_LIVENESS_DIR" }],
  ['--allow-disk', { value: '', instead: "set the container's SHM_LIVENESS_ALLOW_DISK" }],
  ['--interval', { value: 'DUR', least: 100_000 }],
  ['--signal', { value: 'SIG', instead: 'say guard.signal (--signal)', isOption: true }],
  ['--stop-signal', { value: 'SIG', instead: "set the container's lifecycle.stopSignal, or SHM_LIVENESS_STOP_SIGNAL" }],
  ['--grace', { value: 'DUR', instead: 'say guard.grace (--grace)', isOption: true }],
  ['--restart', { value: 'N', instead: 'say guard.restart (--restart)', isOption: true }],
  ['--restart-budget', { value: 'DUR', instead: 'say guard.restartBudget (--restart-budget)', isOption: true }],
  ['--build', { value: '' }],
  ['--notify', { value: '' }],
  ['--notify-socket', { value: 'PATH' }],
  ['--progress', { value: 'LIST' }],
  [
    '--steps',
    {
      value: 'FILE',
      instead: 'steps take the place of the command that wire puts the guard before: write such a guard in the pod',
    },
  ],
  ['--name', { value: 'NAME' }],
  ['--nonce', { value: 'TEXT', instead: 'it is for --steps alone: write such a guard in the pod' }],
  [
    '--listen',
    {
      value: 'ADDRESS:PORT',
      instead: "say port and address (--port, --address), or set the container's SHM_LIVENESS_LISTEN",
    },
  ],
  ['--owner', { value: 'UID[:GID]' }],
  ['--version', { value: '', instead: neverWrapped }],
  ['--help', { value: '', instead: neverWrapped }],
])

const greatestId = 2 ** 32 - 2

/** Whether the guard takes a value of a kind; kinds that wire never passes on are not among them. */
const isOf: Record<string, (value: string) => boolean> = {
  'A,B': (value) => value.split(',').every(isName) && value.split(',').length <= mostExpected,
  N: (value) => isNumber(value, 1, mostWorkers),
  NAME: isName,
  PATH: (value) => value.startsWith('/') && new TextEncoder().encode(value).length <= 107,
  LIST: (value) => /^((output|cpu|io)(,|$))+$/.test(value),
  'UID[:GID]': (value) => /^\d+(:\d+)?$/.test(value) && value.split(':').every((id) => isNumber(id, 0, greatestId)),
}

export function takesValue({ value: kind, least = 0 }: GuardRow, value: string): boolean {
  if (kind === 'DUR') return (parseDuration(value) ?? -1) >= least
  return isOf[kind]?.(value) ?? true
}

function isNumber(text: string, least: number, most: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most
}
