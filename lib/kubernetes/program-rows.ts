/**
 * What the programs take: the tables of `probe/flags.hpp`, `probe/options.hpp` and `probe/guard/options.hpp`. Tests hold
 * them to the programs' help, and compare what is refused here with what the real programs refuse.
 */
import {
  address,
  anything,
  directory,
  duration,
  name,
  names,
  nonce,
  oneOf,
  owner,
  regions,
  restarts,
  signal,
  signsOfLife,
  socketPath,
  type ValueKind,
  workers,
} from './flag-values.js'
import { checkNames } from './settings.js'

export interface FlagRow {
  /** Without its two dashes. */
  flag: string
  takes: 'nothing' | 'value' | 'optional value'
  /** As the help has it; empty for a flag that takes nothing. */
  placeholder: string
  kind: ValueKind
  hasVariable: boolean
}

function row(flag: string, placeholder: string, kind: ValueKind): FlagRow {
  return { flag, takes: 'value', placeholder, kind, hasVariable: true }
}

function switchRow(flag: string): FlagRow {
  return { ...row(flag, '', anything), takes: 'nothing' }
}

/** A row without a variable: what is true of one command line only. */
function flagOnly(of: FlagRow): FlagRow {
  return { ...of, hasVariable: false }
}

const commonRows: readonly FlagRow[] = [
  row('region', 'NAME,...', regions),
  row('expect', 'A,B', names),
  row('min', 'N', workers),
  row('max-age', 'DUR', duration(1)),
  row('startup-grace', 'DUR', duration(0)),
  row('dead-grace', 'DUR', duration(0)),
  row('cycle-window', 'DUR', duration(0)),
  { ...row('termination-log', 'PATH', anything), takes: 'optional value' },
  row('dir', 'DIR', directory),
  switchRow('allow-disk'),
]

export const probeRows: readonly FlagRow[] = [
  ...commonRows,
  row('check', 'WHICH', oneOf(...checkNames)),
  row('confirm', 'DUR', duration(0)),
  row('timeout', 'DUR', duration(1)),
  switchRow('json'),
  switchRow('verbose'),
  flagOnly(switchRow('self-test')),
  flagOnly(row('install', 'DIR', anything)),
  flagOnly(switchRow('version')),
  flagOnly(switchRow('help')),
]

export const guardRows: readonly FlagRow[] = [
  ...commonRows,
  row('interval', 'DUR', duration(100_000)),
  row('signal', 'SIG', signal),
  row('stop-signal', 'SIG', signal),
  row('grace', 'DUR', duration(0)),
  row('restart', 'N', restarts),
  row('restart-budget', 'DUR', duration(1)),
  switchRow('build'),
  switchRow('notify'),
  row('notify-socket', 'PATH', socketPath),
  row('progress', 'LIST', signsOfLife),
  flagOnly(row('steps', 'FILE', anything)),
  row('name', 'NAME', name),
  flagOnly(row('nonce', 'TEXT', nonce)),
  row('listen', 'ADDRESS:PORT', address),
  row('watcher', 'NAME', name),
  row('owner', 'UID[:GID]', owner),
  flagOnly(switchRow('version')),
  flagOnly(switchRow('help')),
]
