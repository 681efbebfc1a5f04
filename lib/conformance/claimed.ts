import { readdirSync, readFileSync } from 'node:fs'
import { Heartbeat } from '../heartbeat.js'
import { anything, between, even, type Rule } from './expectation.js'
import type { Times } from './scene.js'
import { type Fields, Snapshot } from './snapshot.js'
import type { WorkerUnderTest } from './worker-under-test.js'

export const second = 1_000_000_000n
export const minute = 60n * second
export const hour = 60n * minute

/** Words of Identity that say where a worker runs. Those of this process, which runs in the same container. */
export type Surroundings = Record<
  'Identity.container_kind' | 'Identity.container_a' | 'Identity.container_b' | 'Identity.time_namespace',
  bigint
>

/** What a claim of our own writes there. */
export function surroundings(directory: string, region: string, path: string): Surroundings {
  const heartbeat = Heartbeat.claim({ dir: directory, region, name: 'reference', maxAge: '1h' })
  try {
    const snapshot = Snapshot.of(path)
    const names = ['container_kind', 'container_a', 'container_b', 'time_namespace'].map((name) => `Identity.${name}`)
    return Object.fromEntries(names.map((name) => [name, snapshot.word(name, snapshot.current(0))])) as Surroundings
  } finally {
    heartbeat.stop()
  }
}

export interface Claim {
  worker: WorkerUnderTest
  name: string
  maxAgeNs: bigint
  cycleLimitNs?: bigint
  serial?: bigint
  /** 0 none, 1 stopped, 2 died, 3 left over */
  ended?: bigint
  row?: bigint
  /** @default the claim */
  graceFrom?: bigint
  /** @default none */
  deadline?: bigint | Rule
}

/** All fields of a bank directly after a claim. */
export function claimedFields(times: Times, here: Surroundings, claim: Claim): Fields {
  const { worker, name, maxAgeNs, cycleLimitNs = 0n, serial = 1n, ended = 0n, row = 0n, deadline = 0n } = claim
  const boot = between(times.sinceBoot, times.untilBoot)
  const now = between(times.since, times.until)
  return {
    'Hot.last_beat_ns': 0n,
    'Hot.beats': 0n,
    'Hot.state': 2n,
    'Hot.ready': 0n,
    'Hot.worst_cycle_ns': 0n,
    'Hot.late_cycles': 0n,
    'Hot.late_at_ns': 0n,
    'Hot.stall_limit_ns': maxAgeNs,
    'Hot.renewed_ns': now,
    'Hot.in_phase': 0n,
    'Hot.serial': serial,
    'Labels.sequence': even,
    'Labels.phase': '',
    'Labels.status': '',
    'Identity.incarnation': { says: 'random, not 0', holds: (found) => typeof found === 'bigint' && found > 0xffffn },
    'Identity.clock': 1n,
    'Identity.predecessor_ended': ended,
    'Identity.name': name,
    'Identity.max_age_ns': maxAgeNs,
    'Identity.cycle_limit_ns': cycleLimitNs,
    'Identity.pid': BigInt(worker.pid),
    'Identity.tid': threadOf(worker.pid),
    'Identity.task_start_ticks': startOfOneThread(worker.pid),
    'Identity.claimed_ns': now,
    'Identity.claimed_boottime_ns': boot,
    ...here,
    'Identity.grace_from_boottime_ns': claim.graceFrom ?? boot,
    'Identity.deadline_boottime_ns': deadline,
    'Identity.row': row,
    ...Object.fromEntries(Array.from({ length: 64 }, (_, bin) => [`Life.cycles[${bin}]`, 0n])),
    'Where.sequence': even,
    'Where.kind': 0n,
    'Where.taken_ns': anything,
    'Where.silent_ns': anything,
    'Where.frames': anything,
    ...Object.fromEntries(
      [0, 1, 2, 3].flatMap((place) => [
        [`SlowPlace[${place}].sequence`, even],
        [`SlowPlace[${place}].count`, 0n],
        [`SlowPlace[${place}].text`, anything],
      ]),
    ),
  }
}

const statOf = (pid: number, tid: string): string => readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1')

function threadOf(pid: number): Rule {
  return {
    says: `a thread of process ${pid}`,
    holds: (found) => {
      try {
        return statOf(pid, String(found)) !== ''
      } catch {
        return false
      }
    },
  }
}

/** Field 22 of a stat file of one of its threads. */
function startOfOneThread(pid: number): Rule {
  return {
    says: `field 22 of /proc/${pid}/task/TID/stat`,
    holds: (found) => {
      try {
        return readdirSync(`/proc/${pid}/task`).some((tid) => {
          const stat = statOf(pid, tid)
          return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] === String(found)
        })
      } catch {
        return false
      }
    },
  }
}

/** What each claim changes in the header, with the slots in use behind it. */
export function headerAfterClaim(usedSlots: bigint, turnsBefore: bigint): Fields {
  return {
    'Header.used_slots': usedSlots,
    'Header.claim_turns': {
      says: `above ${turnsBefore}`,
      holds: (found) => typeof found === 'bigint' && found > turnsBefore,
    },
  }
}
