import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { probePath, type WorkerClock } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { inTurns, ratioText, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

/** Half a millisecond: on a busy machine most chunks run without being interrupted, and their median counts. */
const callsPerChunk = 20_000

/** A stamper's figure beside the bare clock's, each sample in a process of its own. */
async function besideFloor(session: Session, what: string, limit: number | undefined, sample: () => Promise<number>) {
  const floor = async () => Number(await session.runHelper('clock_floor', [200, callsPerChunk]))
  const { a, b, ratio } = await inTurns(session.quick ? 3 : 11, floor, sample)
  const row: Row = {
    what,
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    figures: `${b.toFixed(1)} ns by ${a.toFixed(1)} ns`,
  }
  return limit === undefined ? row : { ...row, bar: atMost(limit, ratio.median) }
}

function fromJavaScript(session: Session, clock: WorkerClock, workers: number): () => Promise<number> {
  return async () =>
    Number(
      await session.runNode('beat-loop', [session.newRegion(), '320', String(callsPerChunk), clock, String(workers)]),
    )
}

/** Of one heartbeat, and of eight that meet at one call site. */
async function ofClock(session: Session, clock: WorkerClock, limits: { one: number; eight?: number }): Promise<Row[]> {
  const what = `beat() from JavaScript, ${clock} clock, by a bare clock_gettime`
  const one = fromJavaScript(session, clock, 1)
  const eight = fromJavaScript(session, clock, 8)
  return [
    await besideFloor(session, what, limits.one, one),
    await besideFloor(session, '  same, eight heartbeats at one call site', limits.eight, eight),
  ]
}

/** Eight heartbeats at one call site by one alone. */
async function pool(session: Session, clock: WorkerClock): Promise<Row> {
  const { a, b, ratio } = await inTurns(
    session.quick ? 3 : 11,
    fromJavaScript(session, clock, 1),
    fromJavaScript(session, clock, 8),
  )
  return {
    what: `  same, by one heartbeat alone`,
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    figures: `${b.toFixed(1)} ns by ${a.toFixed(1)} ns`,
    bar: atMost(1.3, ratio.median),
  }
}

export async function beat(session: Session): Promise<Row[]> {
  return [...(await ofClock(session, 'precise', { one: 1.6, eight: 2.1 })), await pool(session, 'precise')]
}

export async function coarse(session: Session): Promise<Row[]> {
  return ofClock(session, 'coarse', { one: 0.8 })
}

export async function counted(session: Session): Promise<Row[]> {
  return [
    ...(await ofClock(session, 'counted', { one: 0.15, eight: 0.25 })),
    await besideFloor(session, 'beat() from C++, counted', 0.1, fromCpp(session, 'counted')),
    await oneMegahertz(session),
    await sampler(session, 1, 0.1),
    await sampler(session, 64, 0.2),
  ]
}

function fromCpp(session: Session, clock: WorkerClock): () => Promise<number> {
  return async () => Number(await session.runHelper('cpp_beat', [200, callsPerChunk, session.newRegion(), clock]))
}

export async function cpp(session: Session): Promise<Row[]> {
  return [await besideFloor(session, 'beat() from C++', 1.25, fromCpp(session, 'precise'))]
}

/** The example: a loop of a microsecond, watched at 250 ms. A probe looks at it meanwhile. */
async function oneMegahertz(session: Session): Promise<Row> {
  const region = session.newRegion()
  const { child, output } = session.startNode('one-megahertz', [region])
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), output])
  const verdicts: string[] = []
  while (child.exitCode === null) {
    const line = await session.run(probePath(), ['--region', region, '--verbose'], [1])
    if (child.exitCode === null) verdicts.push(line.split(/[:,\n]/)[0] as string)
    await sleep(100)
  }
  const { turnNs, beatNs } = JSON.parse((await output).split('\n')[1] as string) as { turnNs: number; beatNs: number }
  const healthy = verdicts.filter((verdict) => verdict === 'healthy').length
  return {
    what: 'a JavaScript loop at 1 MHz, max age 250 ms: part of its time that counted beats take',
    measured: `${((beatNs / turnNs) * 100).toFixed(2)} %`,
    figures: `${beatNs.toFixed(2)} of ${turnNs.toFixed(0)} ns; ${healthy} of ${verdicts.length} probes: healthy`,
    bar: { ...atMost(1, (beatNs / turnNs) * 100), text: '<= 1 %' },
  }
}

/** What the thread that samples so many counted heartbeats takes of a CPU. */
async function sampler(session: Session, heartbeats: number, most: number): Promise<Row> {
  const { child, output } = session.startNode('counts-idly', [session.newRegion(), String(heartbeats)])
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), output])
  const tasks = `/proc/${child.pid}/task`
  const task = readdirSync(tasks).find((id) => readFileSync(`${tasks}/${id}/comm`, 'utf8') === 'shm-liveness\n')
  const cpuNs = () => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0])
  const [from, at] = [cpuNs(), performance.now()]
  await sleep(session.quick ? 4_000 : 20_000)
  const percent = ((cpuNs() - from) / 1e6 / (performance.now() - at)) * 100
  child.stdin?.end()
  await output
  return {
    what: `the sampling thread, ${heartbeats} counted at max age 250 ms: part of one CPU`,
    measured: `${percent.toFixed(3)} %`,
    bar: { ...atMost(most, percent), text: `<= ${most} %` },
  }
}
