import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { spreadOf } from '../support/statistics.js'
import { atLeast, atMost, type Row } from '../table.js'

/** Enough to keep the guard busy all the time. */
const connections = 8

interface Load {
  perSecond: number
  p99Ms: number
}

/** A command kept to one CPU, where that can be done: the guard has one core, and the load another. */
function onCpu(cpu: number, command: string[]): [string, string[]] {
  const taskset = ['/usr/bin/taskset', '/bin/taskset'].find((path) => existsSync(path))
  const [program, ...args] = command as [string, ...string[]]
  return taskset !== undefined && availableParallelism() > 1
    ? [taskset, ['-c', String(cpu), program, ...args]]
    : [program, args]
}

function wrk(): string {
  const path = (process.env['PATH'] ?? '/usr/bin:/bin').split(':').find((folder) => existsSync(`${folder}/wrk`))
  if (path === undefined) throw new Error('needs wrk: apt-get install wrk')
  return `${path}/wrk`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function lostSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { Connection: 'close' } })).text()
  const found = /^shm_liveness_guard_lost_seconds_total (\S+)$/m.exec(text)
  if (found === null) throw new Error('the guard does not say what it lost')
  return Number(found[1])
}

async function listening(url: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const { status } = await fetch(`${url}/livez`, { headers: { Connection: 'close' } })
      if (status === 200) return
    } catch (error) {
      if (attempt > 100) throw error
    }
    if (attempt > 100) throw new Error('the guard says that its healthy worker is none')
    await sleep(20)
  }
}

function loadOf(printed: string): Load {
  const failed = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(printed)
  if (failed !== null) throw new Error(`not every request was answered: ${failed[0]}`)
  const perSecond = /^Requests\/sec: +([\d.]+)$/m.exec(printed)?.[1]
  const [, value, unit] = /^ +99% +([\d.]+)(us|ms|s)$/m.exec(printed) ?? []
  if (perSecond === undefined || value === undefined) throw new Error(`wrk said: ${printed}`)
  return { perSecond: Number(perSecond), p99Ms: Number(value) * { us: 1e-3, ms: 1, s: 1e3 }[unit as 'us' | 'ms' | 's'] }
}

function rowsOf(what: string, bar: number, loads: Load[]): Row[] {
  const perSecond = spreadOf(loads.map((load) => load.perSecond))
  const p99Ms = spreadOf(loads.map((load) => load.p99Ms))
  return [
    {
      what: `${what}, requests/s`,
      measured: perSecond.median.toFixed(0),
      spread: `${perSecond.low.toFixed(0)} to ${perSecond.high.toFixed(0)}`,
      bar: atLeast(bar, perSecond.median),
      figures: `${connections} at once, ${loads.length} rounds`,
    },
    {
      what: '  how long they take',
      measured: `p99 ${p99Ms.median.toFixed(2)} ms`,
      spread: `${p99Ms.low.toFixed(2)} to ${p99Ms.high.toFixed(2)} ms`,
      bar: { ...atMost(2, p99Ms.median), text: '<= 2 ms' },
    },
  ]
}

/** What the httpGet side of the guard takes, and whether the watch suffers from it. */
export async function livez(session: Session): Promise<Row[]> {
  const program = wrk()
  const seconds = session.quick ? 1 : 3
  const kinds = [
    { what: 'GET /livez by kept connections', bar: 20_000, headers: [], loads: [] as Load[] },
    { what: 'GET /livez by a connection each', bar: 5_000, headers: ['-H', 'Connection: close'], loads: [] as Load[] },
  ]
  return session.withWorkers(1, async (region) => {
    const url = `http://127.0.0.1:${await freePort()}`
    const { child, output } = session.start(
      ...onCpu(0, [guardPath(), '--region', region, '--listen', url.slice('http://'.length)]),
    )
    try {
      await Promise.race([listening(url), output])
      const before = await lostSeconds(url)
      const began = performance.now()
      for (let round = 0; round < (session.quick ? 3 : 9); round++) {
        for (const { headers, loads } of kinds) {
          const flags = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency', ...headers]
          loads.push(loadOf(await session.run(...onCpu(1, [program, ...flags, `${url}/livez`]))))
        }
      }
      const share = ((await lostSeconds(url)) - before) / ((performance.now() - began) / 1e3)
      return [
        ...kinds.flatMap(({ what, bar, loads }) => rowsOf(what, bar, loads)),
        {
          what: '  time that the watch lost meanwhile',
          measured: `${(100 * share).toFixed(2)} %`,
          bar: { ...atMost(0.01, share), text: '<= 1 %' },
        },
      ]
    } finally {
      child.kill('SIGTERM')
      await output.catch(() => {})
    }
  })
}
