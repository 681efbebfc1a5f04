import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

/** Nanoseconds on a CPU so far, by the scheduler's own count (proc(5) has only ticks of 10 ms). */
function cpuNs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])
}

/** Resident KiB, but for the mapped regions. */
function residentKb(pid: number): number {
  let total = 0
  let counts = true
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = !line.includes('/dev/shm/')
    const kb = /^Rss: +(\d+) kB/.exec(line)
    if (kb !== null && counts) total += Number(kb[1])
  }
  return total
}

/** By a connection of its own, so that always the same one of the guard's buffers is used. */
async function counted(port: number): Promise<number> {
  const [response] = (await once(get({ port, path: '/metrics', agent: false }), 'response')) as [IncomingMessage]
  const text = Buffer.concat(await response.toArray()).toString()
  return Number(/^shm_liveness_guard_checks_total (\d+)$/m.exec(text)?.[1])
}

export async function idle(session: Session): Promise<Row[]> {
  return session.withWorkers(1, async (region) => {
    const seconds = session.quick ? 5 : 30
    const { child } = session.start(guardPath(), ['--region', region, '--', 'sleep', '1000'])
    const pid = child.pid as number
    await sleep(500)
    const [cpu, at] = [cpuNs(pid), performance.now()]
    // In the same time, so that both wake up on the same machine in the same mood.
    const floor = Number(await session.runHelper('timer_floor', [20, seconds]))
    const share = ((cpuNs(pid) - cpu) / 1e6 / (performance.now() - at)) * 100
    const resident = residentKb(pid)
    child.kill()
    return [
      {
        what: 'shm-guard at its default interval, of one CPU',
        measured: `${share.toFixed(3)} %`,
        bar: { ...atMost(0.2, share), text: '<= 0.2 %' },
        figures: `one worker, ${seconds} s; a loop that only wakes up as often takes ${floor.toFixed(3)} %`,
      },
      {
        what: '  resident, beside the mapped region',
        measured: `${resident} KiB`,
        bar: { ...atMost(512, resident), text: '<= 512 KiB' },
      },
      await growth(session, region),
    ]
  })
}

/** A million checks, at the shortest interval there is. */
async function growth(session: Session, region: string): Promise<Row> {
  const checks = session.quick ? 50_000 : 1_000_000
  const port = 20_000 + (process.pid % 20_000)
  const listen = ['--listen', `127.0.0.1:${port}`]
  const { child } = session.start(guardPath(), [
    '--region',
    region,
    '--interval',
    '100us',
    ...listen,
    '--',
    'sleep',
    '1000',
  ])
  const pid = child.pid as number
  // What the first looks and requests touch is no growth.
  for (let i = 0; i < 5; i++) {
    await sleep(500)
    await counted(port)
  }
  const [before, from] = [residentKb(pid), await counted(port)]
  let done = 0
  while (done < checks) {
    await sleep(1000)
    done = (await counted(port)) - from
  }
  const grown = residentKb(pid) - before
  child.kill()
  return {
    what: `  growth over ${done.toLocaleString('en')} checks`,
    measured: `${grown} KiB`,
    bar: { ...atMost(0, grown), text: 'none' },
    figures: `from ${before} KiB`,
  }
}
