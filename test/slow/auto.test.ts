import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { autoPath, Supervised } from '../support/supervised.js'
import { until, untilHolds } from '../support/until.js'

const permission = Number(process.versions.node.split('.')[0]) < 23 ? '--experimental-permission' : '--permission'
const waits = 'setInterval(() => {}, 1e6)'

describe('a program that nobody changed is supervised', () => {
  it.each<[string, string, string, string[]]>([
    ['by --require', 'main.cjs', waits, ['--require', autoPath]],
    ['as ESM', 'main.mjs', waits, ['--import', autoPath]],
    [
      'at a top-level await',
      'main.mjs',
      'await new Promise((resolve) => setTimeout(resolve, 1e6))',
      ['--import', autoPath],
    ],
    ['behind loaders of its own', 'main.mjs', waits, ['--import', autoPath, '--import', './loader.mjs']],
    ['with frozen intrinsics', 'main.cjs', waits, ['--frozen-intrinsics', '--import', autoPath]],
    ['with permissions', 'main.cjs', waits, [permission, '--allow-fs-read=*', '--allow-addons', '--import', autoPath]],
  ])('%s', async (_how, name, text, flags) => {
    const loader = "import { register } from 'node:module'\nregister('data:text/javascript,')"
    const folder = scriptFolder({ [name]: text, 'loader.mjs': loader })
    const absolute = flags.map((flag) => flag.replace('./', `${folder}/`))
    await Supervised.run({ [name]: text }, { flags: absolute }).started()
  })

  it('not with permissions that deny the addon, and it runs all the same', async () => {
    const flags = [permission, '--allow-fs-read=*', '--no-warnings', '--import', autoPath]
    const { program } = Supervised.run("console.log('works')", { flags })
    expect(await program.ended).toMatchObject({ code: 0 })
    expect(program.lines).toEqual(['works'])
    expect(program.stderr).toMatch(/^shm-liveness: this process is not supervised: .* denies the addon; .*\n$/)
  })
})

describe('by NODE_OPTIONS', () => {
  /** A package whose `start` script is a program that starts another one. */
  function npm(env: Record<string, string>, ...args: string[]): { program: Program; region: string } {
    const region = uniqueRegion()
    const folder = scriptFolder({
      'package.json': JSON.stringify({ name: 'a', version: '1.0.0', scripts: { start: 'node main.cjs' } }),
      'main.cjs': `console.log('program', process.pid)
require('node:child_process').fork('./child.cjs').on('exit', (code) => console.log('child ended', code))
${waits}`,
      'child.cjs': "setTimeout(() => console.log('child'), 300)",
    })
    const variables = { NODE_OPTIONS: `--import=${autoPath}`, SHM_LIVENESS_REGION: region, ...env }
    return { program: Program.run('npm', ['--prefix', folder, ...args], variables), region }
  }

  it('npm claims nothing, what it starts does, and what that starts does not', async () => {
    const { program, region } = npm({ SHM_LIVENESS_MAX_AGE: '400ms' }, 'start')
    const pid = Number(await program.said('program'))
    await program.said('child ended')
    const { stdout } = await untilHolds(
      'it beats',
      () => probe(['--region', region, '--verbose']),
      ({ code }) => code === 0,
    )
    process.kill(pid, 'SIGKILL')
    expect(stdout.split('\n').slice(1)).toEqual([expect.stringMatching(`event-loop running.* pid ${pid}$`), ''])
    expect(program.stderr).toBe('')
  })

  it('the scripts of an installation claim nothing', () => {
    const region = uniqueRegion()
    const env = { ...process.env, SHM_LIVENESS_REGION: region, npm_lifecycle_event: 'postinstall' }
    const { stderr } = spawnSync(process.execPath, ['--import', autoPath, '--eval', ''], { env, encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(spawnSync('ls', [join('/dev/shm', region)]).status).not.toBe(0)
  })
})

describe('workers of a cluster', () => {
  const text = `const cluster = require('node:cluster')
if (cluster.isPrimary) {
  for (const _ of [0, 1]) cluster.fork()
  process.stdin.once('data', () => {
    cluster.disconnect()
    process.stdin.destroy()
  })
} else {
  require('node:http').createServer().listen(0, () => console.log('listens'))
}`

  it('claim nothing unless they are told', async () => {
    const app = Supervised.run(text)
    for (const _ of [0, 1]) await app.program.said('listens')
    await app.started()
    expect(app.states()).toEqual(['event-loop running'])
  })

  it('beat where they are told, and stop when they are disconnected', async () => {
    const app = Supervised.run(text, { env: { SHM_LIVENESS_AUTO: 'children' } })
    for (const name of ['event-loop', 'event-loop-child-0', 'event-loop-child-1']) await app.started(name)
    app.program.tell('end')
    expect(await app.program.ended).toMatchObject({ code: 0 })
    expect(app.states().filter((state) => !state.endsWith(' stopped'))).toEqual([])
  })
})

describe('a start', () => {
  it('lasts until the loop has come round in time for a whole max age', async () => {
    const app = Supervised.run(waits, { env: { SHM_LIVENESS_MAX_AGE: '6s' } })
    expect((await app.started()).claimedAgoMs).toBeGreaterThan(6_000)
  })
})

describe('a program that begins while a short one has its name', () => {
  it('claims when that has ended, and so do the threads that it has started meanwhile', async () => {
    const killed = "process.stdin.once('data', () => process.kill(process.pid, 'SIGKILL'))"
    const short = Supervised.run(killed, { env: { SHM_LIVENESS_MAX_AGE: '1h' } })
    await until('it is in its start', () => short.worker()?.phase === 'start')
    const text = `const { Worker, isMainThread } = require('node:worker_threads')
if (isMainThread) new Worker(__filename).once('online', () => console.log('online'))
${waits}`
    const app = Supervised.run(text, { region: short.region })
    await app.program.said('online')
    await app.program.complained('not supervised yet')
    expect(app.workers().map(({ pid }) => pid)).toEqual([short.program.pid])
    short.program.tell('end')
    await short.program.ended
    await until('both loops beat', () => app.states().filter((state) => state.endsWith(' running')).length === 2)
    expect(await probe(['--region', app.region, '--expect', 'event-loop,event-loop-thread-0'])).toMatchObject({
      code: 0,
    })
    expect(app.workers().map(({ pid }) => pid)).toEqual([app.program.pid, app.program.pid])
  })
})

describe('a life after one that was killed, whose child outlived it', () => {
  it('stops the child and its threads, though they die after the claim', async () => {
    const env = { SHM_LIVENESS_AUTO: 'children' }
    const text = `const { Worker, isMainThread } = require('node:worker_threads')
if (isMainThread && !process.send) require('node:child_process').fork(__filename)
else if (isMainThread) new Worker(__filename)
${waits}`
    const killed = Supervised.run(text, { env })
    const leftBehind = ['event-loop-child-0', 'event-loop-child-0-thread-0']
    for (const name of ['event-loop', ...leftBehind]) {
      await until(`${name} beats`, () => killed.worker(name)?.state === 'running')
    }
    const orphan = killed.worker('event-loop-child-0')?.pid
    await killed.program.abandon()
    // By the time that a main file is evaluated, the import has claimed.
    const next = Supervised.run(`process.kill(${orphan}, 'SIGKILL')\n${waits}`, { env, region: killed.region })
    await next.started()
    expect(next.states()).toEqual(['event-loop running', ...leftBehind.map((name) => `${name} stopped`)])
    expect(await probe(['--region', next.region])).toMatchObject({ code: 0 })
  })
})

describe('a pool of more threads than a region has slots', () => {
  it('says once that some are not supervised', async () => {
    const text = `const { Worker } = require('node:worker_threads')
let up = 0
for (let i = 0; i < 70; i++) {
  new Worker('setInterval(() => {}, 1e6)', { eval: true }).once('online', () => ++up === 70 && console.log('all'))
}`
    // --import does not reach threads that are made of a text.
    const app = Supervised.run(text, { flags: ['--require', autoPath] })
    await app.program.said('all')
    await app.program.complained('this thread (and others beside it) is not supervised')
    await until('the rest beats', () => app.states().filter((state) => state.endsWith('running')).length >= 60)
    expect(app.program.stderr.split('\n').filter((line) => line.includes('not supervised'))).toHaveLength(1)
  })
})
