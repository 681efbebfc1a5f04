import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { percentileOf } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

const intervalMs = 10
const limitMs = 100
/** Beyond the limit, and beyond the release of a lock: the kernel's timers and schedulers on an idle machine. */
const stallSlackMs = 3
const deathSlackMs = 5
const guard = ['--interval', `${intervalMs}ms`, '--signal', 'USR1', '--grace', '1s']

function ms(ns: number): string {
  return `${(ns / 1e6).toFixed(2)} ms`
}

/** How the samples lie; the bar is about the 99th percentile, and the worst is shown beside it. */
function row(what: string, samplesNs: number[], barMs?: number): Row {
  const [p50, p99, worst] = [0.5, 0.99, 1].map((part) => percentileOf(samplesNs, part)) as [number, number, number]
  return {
    what,
    measured: `p99 ${ms(p99)}`,
    spread: `p50 ${ms(p50)}, worst ${ms(worst)}`,
    figures: `${samplesNs.length} times`,
    ...(barMs === undefined ? {} : { bar: { ...atMost(barMs, p99 / 1e6), text: `<= ${barMs} ms` } }),
  }
}

/** Runs the guard over a target that ends itself once it is signalled; what the target printed. */
async function once(session: Session, target: string, args: string[], others: string[] = []): Promise<number[]> {
  const region = session.newRegion()
  try {
    const command = ['--region', [region, ...others].join(','), ...guard, '--', target, region, ...args]
    const text = await session.run(guardPath(), command, [120, 121]) // stalled or dead: that is the point
    const numbers = text.trim().split(' ').map(Number)
    if (text === '' || numbers.some(Number.isNaN)) throw new Error(`the target said "${text}"`)
    return numbers
  } finally {
    rmSync(join('/dev/shm', region), { force: true })
  }
}

/** From the last beat to the signal in the stalled worker. */
export async function stall(session: Session): Promise<Row[]> {
  const target = await session.helper('stall_target')
  const samples: number[] = []
  for (let i = 0; i < (session.quick ? 30 : 200); i++) {
    samples.push(...(await once(session, target, [String(limitMs)])))
  }
  const what = `stall to signal, limit ${limitMs} ms, interval ${intervalMs} ms`
  return [row(what, samples, limitMs + stallSlackMs)]
}

/** From the kernel's release of the lock to the signal; and before it, from the kill to that release. */
export async function death(session: Session): Promise<Row[]> {
  const target = await session.helper('death_target')
  const rows: Row[] = []
  for (const megabytes of [0, 512]) {
    const teardown: number[] = []
    const reaction: number[] = []
    for (let i = 0; i < (session.quick ? 20 : 100); i++) {
      const [released, signalled] = (await once(session, target, [String(megabytes)])) as [number, number]
      teardown.push(released)
      reaction.push(signalled - released)
    }
    const of = `of a process of ${megabytes === 0 ? 'a few' : megabytes} MB`
    rows.push(row(`lock released to signal, ${of}`, reaction, deathSlackMs))
    rows.push(row(`  kill to lock released, ${of}`, teardown))
  }
  for (const others of [64, 256, 1024]) {
    const reaction = await session.withWorkers(others, async (crowd) => {
      const samples: number[] = []
      for (let i = 0; i < (session.quick ? 20 : 100); i++) {
        const [released, signalled] = (await once(session, target, ['0'], [crowd])) as [number, number]
        samples.push(signalled - released)
      }
      return samples
    })
    rows.push(row(`  lock released to signal, beside ${others} other workers`, reaction))
  }
  return rows
}
