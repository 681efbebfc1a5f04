import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath } from 'shm-liveness'
import { residentKb, shareOf } from '../support/processes.js'
import type { Session } from '../support/session.js'
import { ratioText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

/** By a connection of its own, so that always the same one of the guard's buffers is used. */
async function counted(port: number): Promise<number> {
  const [response] = (await once(get({ port, path: '/metrics', agent: false }), 'response')) as [IncomingMessage]
  const text = Buffer.concat(await response.toArray()).toString()
  return Number(/^shm_liveness_guard_checks_total (\d+)$/m.exec(text)?.[1])
}

/** The share of one CPU, in percent, that a guard over so many workers takes, and that of a loop which only wakes up. */
async function costs(session: Session, workers: number, maxAgeMs: number, { ticks = false } = {}): Promise<Costs> {
  return session.withWorkers(
    workers,
    async (region) => {
      const seconds = session.quick ? 4 : 20
      const port = newPort()
      const listen = ticks ? ['--listen', `127.0.0.1:${port}`] : []
      const { child } = session.start(guardPath(), ['--region', region, ...listen, '--', 'sleep', '1000'])
      const pid = child.pid as number
      await sleep(1_500)
      // An open connection makes a guard look at each interval, as it would without the kernel's word.
      const connection = ticks ? keptOpen(port) : undefined
      let floor = 0
      // In the same time, so that both wake up on the same machine in the same mood.
      const share = await shareOf(pid, async () => {
        floor = Number(await session.runHelper('timer_floor', [20, seconds]))
      })
      const resident = residentKb(pid)
      connection?.destroy()
      child.kill()
      return { share, floor, resident }
    },
    { maxAgeMs, beatMs: 10 },
  )
}

interface Costs {
  share: number
  floor: number
  resident: number
}

function costRow(what: string, { share, floor }: Costs, most?: number): Row {
  return {
    what,
    measured: ratioText(share / floor),
    figures: `${share.toFixed(3)} % of one CPU by ${floor.toFixed(3)} %`,
    ...(most === undefined ? {} : { bar: atMost(most, share / floor) }),
  }
}

export async function idle(session: Session): Promise<Row[]> {
  const rows: Row[] = []
  const ticking = await costs(session, 1, 250, { ticks: true })
  rows.push(costRow('shm-guard that looks every 20 ms, by a loop that only wakes up as often', ticking))
  rows.push(costRow('  that sleeps, one worker, max age 250 ms', await costs(session, 1, 250), 0.3))
  rows.push(costRow('  that sleeps, one worker, max age 5 s', await costs(session, 1, 5_000), 0.1))
  for (const workers of [64, 256, 1024]) {
    const seen = await costs(session, workers, 250)
    rows.push(costRow(`  that sleeps, ${workers} workers, max age 250 ms`, seen))
    if (workers !== 1024) continue
    rows.push({
      what: `  resident over ${workers} workers, beside the mapped region`,
      measured: `${seen.resident} KiB`,
      bar: { ...atMost(512, seen.resident), text: '<= 512 KiB' },
    })
  }
  return [...rows, await session.withWorkers(1, (region) => growth(session, region))]
}

const request = 'GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n'
/** A connection that the guard keeps for a minute after its latest request. */
function keptOpen(port: number): Socket {
  const connection = connect(port, '127.0.0.1')
  connection.write(request)
  return connection.resume()
}

let ports = 20_000 + (process.pid % 20_000)
const newPort = (): number => ports++

/** A million checks, at the shortest interval there is: a connection that stays open keeps the guard looking. */
async function growth(session: Session, region: string): Promise<Row> {
  const checks = session.quick ? 50_000 : 1_000_000
  const port = newPort()
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
  await sleep(500)
  const connection = keptOpen(port)
  // What the first looks and requests touch is no growth.
  for (let i = 0; i < 5; i++) {
    await sleep(500)
    await counted(port)
  }
  const [before, from] = [residentKb(pid), await counted(port)]
  let done = 0
  while (done < checks) {
    await sleep(1000)
    connection.write(request)
    done = (await counted(port)) - from
  }
  const grown = residentKb(pid) - before
  connection.destroy()
  child.kill()
  return {
    what: `  growth over ${done.toLocaleString('en')} checks`,
    measured: `${grown} KiB`,
    bar: { ...atMost(0, grown), text: 'none' },
    figures: `from ${before} KiB`,
  }
}
