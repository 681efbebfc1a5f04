import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { Cgroup } from '../../test/support/cgroup.js'
import type { Session } from '../support/session.js'
import { percentileOf } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

const quotaPercent = 20
const spinLimitMs = 500
const starvedLimitMs = 100
const spinners = 16

interface Outcome {
  code: number | null
  /** What the target printed. */
  ns: number
}

async function run(
  session: Session,
  mode: string,
  limitMs: number,
  intervalMs: number,
  group?: string,
): Promise<Outcome> {
  const region = session.newRegion()
  const target = await session.helper('starved_target')
  const flags = ['--region', region, '--interval', `${intervalMs}ms`, '--signal', 'USR1', '--grace', '1s']
  const guard = [guardPath(), ...flags, '--', target, region, String(limitMs), mode]
  const joins = group === undefined ? '' : `echo $$ > ${group}/cgroup.procs; `
  const child = spawn('sh', ['-c', `${joins}exec "$@"`, 'sh', ...guard], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  rmSync(join('/dev/shm', region), { force: true })
  return { code, ns: Number(text) }
}

async function underQuota(session: Session, group: string, intervalMs: number): Promise<Row> {
  const found: number[] = []
  for (let i = 0; i < (session.quick ? 5 : 20); i++)
    found.push((await run(session, 'spin', spinLimitMs, intervalMs, group)).ns)
  const [median, worst] = [0.5, 1].map((part) => percentileOf(found, part) / 1e6) as [number, number]
  return {
    what: `a spin under a quota of ${quotaPercent} %, limit ${spinLimitMs} ms, interval ${intervalMs} ms`,
    measured: `${median.toFixed(0)} ms`,
    spread: `worst ${worst.toFixed(0)} ms`,
    figures: `${found.length} times, last beat to signal`,
    bar: { ...atMost(2 * spinLimitMs, worst), text: `<= ${2 * spinLimitMs} ms` },
  }
}

async function besideSpinners(session: Session): Promise<Row> {
  const busy: ChildProcess[] = Array.from({ length: spinners }, () => spawn('sh', ['-c', 'while :; do :; done']))
  const runs = session.quick ? 20 : 200
  let killed = 0
  let longestMs = 0
  try {
    for (let i = 0; i < runs; i++) {
      const { code, ns } = await run(session, 'live', starvedLimitMs, 10)
      if (code === 0) longestMs = Math.max(longestMs, ns / 1e6)
      else killed++
    }
  } finally {
    for (const spinner of busy) spinner.kill('SIGKILL')
  }
  return {
    what: `healthy workers ended beside ${spinners} busy loops, limit ${starvedLimitMs} ms`,
    measured: `${killed} of ${runs}`,
    figures: `the longest cycle took ${longestMs.toFixed(0)} ms`,
    bar: { ...atMost(0, killed), text: 'none' },
  }
}

/** Whether a guard tells a worker that gets no CPU from one that uses what it gets. */
export async function starved(session: Session): Promise<Row[]> {
  const rows: Row[] = []
  const group = Cgroup.withQuota(quotaPercent)
  if (group === undefined) console.error('bench: SKIPPED the spin under a quota: no cgroup can be made here')
  else {
    try {
      for (const intervalMs of [1, 20]) rows.push(await underQuota(session, group.path, intervalMs))
    } finally {
      spawnSync('sleep', ['0.2']) // the last process has left
      group.remove()
    }
  }
  return [...rows, await besideSpinners(session)]
}
