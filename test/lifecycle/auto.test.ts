import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { holdLock, slotByte } from '../support/lock-holder.js'
import { probe } from '../support/probe.js'
import { pathOf } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { autoPath, Supervised } from '../support/supervised.js'
import { until, untilHolds } from '../support/until.js'

const untilToldToEnd = "process.stdin.once('data', () => process.stdin.destroy())"

describe('an event loop of a program that nobody changed', () => {
  it('beats while it is idle, and ends when it has nothing to do', async () => {
    const app = Supervised.run(untilToldToEnd)
    const { program, region } = app
    const { beats } = await app.started()
    await until('it beats on', () => (app.worker()?.beats ?? 0) > beats + 3)
    expect(await probe(['--region', region, '--check', 'readiness', '--expect', 'event-loop'])).toMatchObject({
      code: 0,
    })
    program.tell('end')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(app.states()).toEqual(['event-loop stopped'])
    expect(program.stderr).toBe('')
  })

  it('is stalled while it is blocked, at the place that blocks it, and healthy afterwards', async () => {
    const go = join(scriptFolder({}), 'go')
    const text = `const { existsSync } = require('node:fs')
function waitsForFile() {
  while (!existsSync('${go}')) ;
}
process.stdin.once('data', waitsForFile)`
    const app = Supervised.run(text, { env: { SHM_LIVENESS_STACKS: '1' } })
    const { program, region } = app
    await app.started()
    program.tell('block')
    const { stdout } = await untilHolds(
      'it is stalled, and its place is found',
      () => probe(['--region', region]),
      (found) => found.stdout.includes(' at '),
    )
    expect(stdout).toMatch(/^stalled: event-loop last beat \S+ ago \(limit 400ms\) at waitsForFile \(\S*main\.cjs:3/)
    writeFileSync(go, '')
    await untilHolds(
      'it is healthy',
      () => probe(['--region', region]),
      ({ code }) => code === 0,
    )
  })

  it('beats while it starts, and may take long steps then', async () => {
    const go = join(scriptFolder({}), 'go')
    // The loop comes round twice before this step: too seldom for the start to be over.
    const text = `setTimeout(() => {
  console.log('takes a step')
  while (!require('node:fs').existsSync('${go}')) ;
}, 250)
setInterval(() => {}, 1e6)`
    const app = Supervised.run(text)
    await app.program.said('takes a step')
    const silent = await until('it is silent for twice its max age', () => {
      const worker = app.worker()
      return worker !== undefined && worker.ageMs > 800 && worker
    })
    expect(silent).toMatchObject({ state: 'running', phase: 'start', ready: true })
    expect(silent.beats).toBeGreaterThan(0)
    expect(await probe(['--region', app.region])).toMatchObject({ code: 0 })
    writeFileSync(go, '')
    await app.started()
  })

  it('is ready after its start, also if another worker had its name when it came round', async () => {
    const go = join(scriptFolder({}), 'go')
    const app = Supervised.run(`while (!require('node:fs').existsSync('${go}')) ;
${untilToldToEnd}`)
    await until('it has claimed', () => app.worker()?.phase === 'start')
    rmSync(pathOf(app.region))
    const other = claim(app.region, { name: 'event-loop' })
    writeFileSync(go, '')
    await app.program.complained('Another worker has the name now')
    other.stop()
    expect(await app.started()).toMatchObject({ pid: app.program.pid })
  })

  it('is in its start before anything else can end it', async () => {
    const region = new URL('../../dist/region.js', import.meta.url).href
    const folder = scriptFolder({
      'kill.mjs': `import { Region } from '${region}'
Region.open = () => process.kill(process.pid, 'SIGKILL')`,
    })
    const app = Supervised.run(untilToldToEnd, { flags: ['--import', join(folder, 'kill.mjs'), '--import', autoPath] })
    expect(await app.program.ended).toEqual({ code: null, signal: 'SIGKILL' })
    expect(app.worker()).toMatchObject({ state: 'dead', phase: 'start' })
  })
})

describe('the end of such a program', () => {
  it.each([
    ['process.exit(0)', 'stopped'],
    ['process.exit(3)', 'dead'],
    ["throw new Error('as asked')", 'dead'],
    ["process.kill(process.pid, 'SIGKILL')", 'dead'],
  ])('by "%s" leaves it %s', async (end, state) => {
    const app = Supervised.run(`setTimeout(() => { ${end} })`)
    const { program } = app
    await program.ended
    expect(app.states()).toEqual([`event-loop ${state}`])
  })
})

it('starts again in place: the threads that died with its last life fail no check any more', async () => {
  const threads = `const { Worker, isMainThread } = require('node:worker_threads')
if (isMainThread) for (const _ of [0, 1]) new Worker(__filename)
setInterval(() => {}, 1e6)`
  const killed = Supervised.run(threads)
  const { program, region } = killed
  await until('both threads beat', () => killed.states().filter((state) => state.endsWith(' running')).length === 3)
  await program.kill()
  expect(killed.states().every((state) => state.endsWith(' dead'))).toBe(true)
  const next = Supervised.run(untilToldToEnd, { region })
  await next.started()
  expect(next.states()).toEqual(['event-loop running', 'event-loop-thread-0 stopped', 'event-loop-thread-1 stopped'])
  expect(await probe(['--region', region])).toMatchObject({ code: 0 })
})

it('starts again in place, even if a stranger keeps its slot locked at first', async () => {
  const crashed = Supervised.run(untilToldToEnd)
  const { program, region } = crashed
  await crashed.started()
  await program.kill()
  const strangers = await Promise.all([0, 1].map((bank) => holdLock(region, slotByte(0, bank), 'read')))
  const next = Supervised.run(untilToldToEnd, { region })
  await next.program.complained('is not supervised yet')
  for (const stranger of strangers) await stranger.kill()
  expect(await next.started()).toMatchObject({ pid: next.program.pid })
})

it('is not kept alive by its supervision, even in its start', async () => {
  const app = Supervised.run('', { env: { SHM_LIVENESS_MAX_AGE: '1h' } })
  expect(await app.program.ended).toEqual({ code: 0, signal: null })
  expect(app.worker()).toMatchObject({ state: 'stopped', phase: 'start' })
})

describe('a program that cannot be supervised', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    ['a max age without a unit', { SHM_LIVENESS_MAX_AGE: '5' }, /SHM_LIVENESS_MAX_AGE: add a unit, .* got "5"/],
    ['another word', { SHM_LIVENESS_AUTO: 'yes' }, /SHM_LIVENESS_AUTO: 0, 1 or children, got "yes"/],
    ['no region of that name', { SHM_LIVENESS_REGION: 'a/b' }, /region "a\/b", worker "event-loop": a name is 1 to 63/],
  ])('runs all the same, and says in one line why: %s', async (_what, env, reason) => {
    const { program } = Supervised.run("console.log('works')", { env })
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.lines).toEqual(['works'])
    expect(program.stderr).toMatch(/^shm-liveness: this process is not supervised: .*\n$/)
    expect(program.stderr).toMatch(reason)
  })

  it('says once that another one has its name, and claims when the name is free', async () => {
    const first = Supervised.run(untilToldToEnd)
    await first.started()
    const ends = Supervised.run('', { region: first.region })
    const waits = Supervised.run(untilToldToEnd, { region: first.region })
    expect(await ends.program.ended).toEqual({ code: 0, signal: null })
    await waits.program.complained('SHM_LIVENESS_NAME')
    expect(first.states()).toEqual(['event-loop running'])
    first.program.tell('end')
    expect(await until('it has the name', async () => (await waits.started()).pid === waits.program.pid)).toBe(true)
    waits.program.tell('end')
    expect(await waits.program.ended).toEqual({ code: 0, signal: null })
    expect(waits.states()).toEqual(['event-loop stopped'])
    for (const { program } of [ends, waits]) {
      expect(program.stderr).toMatch(
        /^shm-liveness: this process is not supervised yet .* a living worker holds this name; set SHM_LIVENESS_NAME to .*\n$/,
      )
    }
  })

  it('says nothing where it is switched off', async () => {
    const app = Supervised.run('', { env: { SHM_LIVENESS_AUTO: '0' } })
    expect(await app.program.ended).toEqual({ code: 0, signal: null })
    expect([app.program.stderr, app.workers()]).toEqual(['', []])
  })
})
