import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { until, untilHolds } from '../support/until.js'
import { workersOf } from '../support/workers.js'

function run(region: string, text: string, flags: string[] = [], env: Record<string, string> = {}): Program {
  const folder = scriptFolder({ 'main.mjs': text })
  return Program.run(process.execPath, [...flags, join(folder, 'main.mjs')], { SHM_LIVENESS_REGION: region, ...env })
}

const isThreadThere = (pid: number) =>
  readdirSync(`/proc/${pid}/task`).some(
    (task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8') === 'shm-stacks\n',
  )

const spinning = `import { claim } from './claim.mjs'
claim('worker')
const spin = () => { for (;;) ; }
spin()`

describe('slow cycles', () => {
  const text = `import { claim } from './claim.mjs'
import { createHash, pbkdf2Sync } from 'node:crypto'
const heartbeat = claim('worker', { maxAge: '60s', cycleLimit: '20ms' })
function spin(ms) {
  for (const end = performance.now() + ms; performance.now() < end; ) createHash('md5')
}
function derive() {
  pbkdf2Sync('a', 'b', 200_000, 64, 'sha512')
}
function cycle() {
  heartbeat.beat()
  spin(60)
  heartbeat.beat()
  derive()
  heartbeat.beat()
  setTimeout(cycle, 1)
}
cycle()`

  it('are counted at the places where they were found, native calls by their name', async () => {
    const region = uniqueRegion()
    run(region, text)
    const slow = () =>
      Object.fromEntries((workersOf(region)['worker']?.slowPlaces ?? []).map(({ place, count }) => [place, count]))
    await untilHolds('both places are counted', slow, (seen) =>
      ['spin (main.mjs:5)', 'pbkdf2Sync (main.mjs:8)'].every((place) => (seen[place] ?? 0) >= 3),
    )
  })
})

// Again and again, because on a busy machine the watcher may get no CPU through the whole of one call.
describe('a long native call', () => {
  it('is told by the function that runs', async () => {
    const region = uniqueRegion()
    run(
      region,
      `import { claim } from './claim.mjs'
const text = '[' + '{"a":[1,2]},'.repeat(1e6) + '0]'
const heartbeat = claim('worker', { maxAge: '20ms' })
for (;;) {
  heartbeat.beat()
  JSON.parse(text)
}`,
    )
    const frames = () => workersOf(region)['worker']?.where?.frames ?? []
    await untilHolds('the parser is named', frames, ([frame = '']) => /^running in .*JsonParser/.test(frame))
  })

  it('of a program that hears the signal of urgent data itself is told by the kernel alone', async () => {
    const region = uniqueRegion()
    const seen = join(scriptFolder({}), 'seen')
    const program = run(
      region,
      `import { pbkdf2Sync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { claim } from './claim.mjs'
let heard = 0
process.on('SIGURG', () => heard++)
const heartbeat = claim('worker', { maxAge: '20ms' })
while (!existsSync(process.env.SEEN)) {
  heartbeat.beat()
  pbkdf2Sync('a', 'b', 5e5, 64, 'sha512')
}
setImmediate(() => setImmediate(() => console.log('heard ' + heard)))
`,
      [],
      { SEEN: seen },
    )
    const frames = () => workersOf(region)['worker']?.where?.frames ?? []
    await untilHolds('the thread is found', frames, ([frame = '']) => frame === 'running in node')
    writeFileSync(seen, '')
    expect(await program.said('heard')).toBe('0')
  })
})

describe('a worker that hangs after a long phase', () => {
  it('has its stack taken by its max age', async () => {
    const region = uniqueRegion()
    run(
      region,
      `import { claim } from './claim.mjs'
const heartbeat = claim('worker')
const phase = heartbeat.phase('load', { budget: '1h' })
setTimeout(() => {
  phase.end()
  heartbeat.beat()
  for (;;) ;
}, 50)`,
    )
    await until('its frames', () => workersOf(region)['worker']?.where?.frames[0]?.includes('main.mjs:7'))
  })
})

describe('a thread at a breakpoint', () => {
  it('is said to be paused, and no code is blamed', async () => {
    const region = uniqueRegion()
    run(
      region,
      `import { claim } from './claim.mjs'
import { Worker } from 'node:worker_threads'
const debug = "const { Session } = require('node:inspector'); const session = new Session(); session.connectToMainThread();" +
  "session.post('Debugger.enable', () => require('node:worker_threads').parentPort.postMessage('up')); setInterval(() => {}, 1e6)"
new Worker(debug, { eval: true }).on('message', () => {
  claim('worker')
  debugger
})`,
    )
    const seen = await until('it is found', () => {
      const where = workersOf(region)['worker']?.where
      return where?.frames[0] === 'paused by a debugger' && where
    })
    expect(seen).toMatchObject({ kind: 'native', frames: ['paused by a debugger'] })
  })
})

describe('stacks', () => {
  const permission = Number(process.versions.node.split('.')[0]) < 23 ? '--experimental-permission' : '--permission'
  it.each([
    ['--frozen-intrinsics'],
    [permission, '--allow-fs-read=*', '--allow-addons'],
    ['--jitless'],
    ['--enable-source-maps'],
  ])('are taken under %s', async (...flags) => {
    const region = uniqueRegion()
    run(region, spinning, flags)
    await until('its frames', () => workersOf(region)['worker']?.where?.frames[0]?.startsWith('spin ('))
  })

  it.each<[string, string, Record<string, string>, string]>([
    ['by an option', '{ stacks: false }', {}, '{"by":"none","reason":"switched off"}'],
    [
      'by the environment',
      '{ stacks: undefined }',
      { SHM_LIVENESS_STACKS: '0' },
      '{"by":"none","reason":"switched off"}',
    ],
    ['nowhere', '{ stacks: undefined }', { SHM_LIVENESS_STACKS: '' }, '{"by":"interrupt"}'],
    ['by the environment, but on by an option', '{}', { SHM_LIVENESS_STACKS: '0' }, '{"by":"interrupt"}'],
  ])('switched off %s: a thread watches only where they are on', async (_how, options, env, by) => {
    const text = `import { claim } from './claim.mjs'
console.log('stacks', JSON.stringify(claim('worker', ${options}).stacks))
setInterval(() => {}, 1e6)`
    const program = run(uniqueRegion(), text, [], env)
    expect(await program.said('stacks')).toBe(by)
    // It takes its name when it first runs.
    if (by.includes('interrupt')) await until('the thread', () => isThreadThere(program.pid))
    else expect(isThreadThere(program.pid)).toBe(false)
  })

  it('that cannot be switched by a word of the environment refuse the claim, and nothing is claimed', async () => {
    const region = uniqueRegion()
    const program = run(region, spinning.replace("'worker'", "'worker', { stacks: undefined }"), [], {
      SHM_LIVENESS_STACKS: 'maybe',
    })
    expect(await program.ended).toMatchObject({ code: 1 })
    expect(program.stderr).toContain('SHM_LIVENESS_STACKS: 0 or 1, got "maybe"')
    expect(workersOf(region)).toEqual({})
  })
})
