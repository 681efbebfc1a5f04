import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../support/session.js'
import { inTurns, ratioText, spreadOf, spreadText } from '../support/statistics.js'
import { atLeast, atMost, type Row } from '../table.js'

export async function stacks(session: Session): Promise<Row[]> {
  const rows = [await beatRow(session), await foundRow(session, 'idle', 0, 99), await foundRow(session, 'busy', 2, 90)]
  return [...rows, await hotRow(session), ...(await watcherRows(session))]
}

async function beatRow(session: Session): Promise<Row> {
  const ns = (stacks: string) => async () =>
    Number(await session.runNode('beat-loop', [session.newRegion(), '320', '20000', 'precise', '1', '250ms', stacks]))
  const { a, b, ratio } = await inTurns(session.quick ? 3 : 21, ns('false'), ns('true'))
  return {
    what: 'beat() with stacks by one without',
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    figures: `${b.toFixed(1)} ns by ${a.toFixed(1)} ns`,
    bar: atMost(1.02, ratio.median),
  }
}

async function foundRow(session: Session, how: string, others: number, bar: number): Promise<Row> {
  const tries = session.quick ? 20 : 100
  const spinning = Array.from({ length: others }, () => session.start(process.execPath, ['-e', 'for (;;) ;']).child)
  try {
    const times = Number(await session.runNode('hangs', ['found', session.newRegion(), String(tries)]))
    const found = (times / tries) * 100
    return {
      what: `  frames in the region before max age 250 ms, both CPUs ${how}`,
      measured: `${times} of ${tries}`,
      bar: { ...atLeast(bar, found), text: `>= ${bar} of 100` },
    }
  } finally {
    for (const child of spinning) child.kill()
  }
}

async function hotRow(session: Session): Promise<Row> {
  const ratios: number[] = []
  for (let i = 0; i < (session.quick ? 3 : 11); i++) {
    ratios.push(Number(await session.runNode('hangs', ['hot', session.newRegion()])))
  }
  const ratio = spreadOf(ratios)
  return {
    what: '  a hot loop after a stack was taken in it, by before',
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    bar: atMost(1.05, ratio.median),
  }
}

/** What only the watcher has touched: its stack, and the data of the addon. */
function privateKib(pid: number, tid: string): number {
  const stackPointer = BigInt(readFileSync(`/proc/${pid}/task/${tid}/syscall`, 'utf8').trim().split(' ').at(-2) ?? '0')
  let isCounted = false
  let wasAddon = false
  let kib = 0
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, from, to, rest = ''] = /^([0-9a-f]+)-([0-9a-f]+) (.*)$/.exec(line) ?? []
    if (from !== undefined) {
      const isStack = BigInt(`0x${from}`) <= stackPointer && stackPointer < BigInt(`0x${to}`)
      const isAddon = rest.includes('shm_liveness.node') && rest.startsWith('rw')
      // The addon's zeroed data is the anonymous mapping behind its other data.
      isCounted = isStack || isAddon || (wasAddon && !rest.includes('/'))
      wasAddon = isAddon
    }
    const dirty = /^Private_Dirty: +(\d+) kB/.exec(line)
    if (dirty !== null && isCounted) kib += Number(dirty[1])
  }
  return kib
}

async function watcherRows(session: Session): Promise<Row[]> {
  const { child } = session.startNode('hangs', ['never', session.newRegion()])
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  await sleep(1000)
  const pid = child.pid as number
  const tid = readdirSync(`/proc/${pid}/task`).find(
    (task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8') === 'shm-stacks\n',
  ) as string
  const cpuNs = () => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0])
  const [before, began] = [cpuNs(), performance.now()]
  await sleep(session.quick ? 4_000 : 20_000)
  const share = ((cpuNs() - before) / 1e6 / (performance.now() - began)) * 100
  const kib = privateKib(pid, tid)
  child.kill()
  return [
    {
      what: '  the thread that watches: CPU, one heartbeat of max age 250 ms',
      measured: `${share.toFixed(3)} %`,
      bar: { ...atMost(0.05, share), text: '<= 0.05 %' },
    },
    {
      what: '  its stack and data',
      measured: `${kib} KiB`,
      bar: { ...atMost(1024, kib), text: '<= 1024 KiB' },
    },
  ]
}
