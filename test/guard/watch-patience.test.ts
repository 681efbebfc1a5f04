import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { claim, only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { besideShell, hasOpened, startGuard, urgently, worker } from '../support/watched.js'

/** The guard must not react within these: time for several of its looks. */
const severalLooksMs = 100

describe.concurrent('no reaction follows', () => {
  it('a worker that stops on purpose', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'stop', 'exit:0')
    const found = await guard(['--region', region, '--', ...besideShell('"$@"; sleep 0.2; exit 3', steps)])
    expect(found).toMatchObject({ code: 3, stderr: '' })
  })

  it('a worker within its phase that does not beat', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '100ms', 'phase:load:1h', 'beat:10', 'silent')
    const program = startGuard(['--region', region, '--', ...steps])
    await program.said('silent')
    await until('the last beat is three times its max age ago', () => (only(region).ageMs ?? 0) > 300)
    await sleep(severalLooksMs)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a command that never claims, unless a worker is expected', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--startup-grace', '50ms', '--', 'sh', '-c', 'read go; exit 4'])
    await until('a line', () => program.stderr.includes('\n'))
    await sleep(severalLooksMs)
    program.tell('go')
    expect(await program.ended).toEqual({ code: 4, signal: null })
    expect(program.stderr).toMatch(/^shm-guard: nobody has claimed in region \S+ within the startup grace; .*\n$/)
  })

  // In these two the pause must be longer than the max age, and that longer than what a loaded machine takes of a worker.
  it('a pause of guard and worker together', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--', ...worker(region, '1s', 'beat')])
    const pid = Number(await program.said('beat'))
    for (const each of [program.pid, pid]) process.kill(each, 'SIGSTOP')
    await until('the worker is late', () => (only(region).ageMs ?? 0) > 1_500)
    process.kill(program.pid, 'SIGCONT')
    await sleep(severalLooksMs) // at a worker that is still stopped
    process.kill(pid, 'SIGCONT')
    await sleep(severalLooksMs)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a pause of the guard alone', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--', ...worker(region, '1s', 'beat')])
    await program.said('beat')
    process.kill(program.pid, 'SIGSTOP')
    await sleep(1_500) // the time in which the guard does not look
    process.kill(program.pid, 'SIGCONT')
    await sleep(severalLooksMs)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a region that is removed under its workers, though they are expected', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '0']
    const held = claim(region, { maxAge: '1h' })
    held.beat()
    const program = startGuard([...flags, '--', 'sh', '-c', 'read go; exit 6'])
    await hasOpened(program, region)
    rmSync(pathOf(region))
    await program.complained(`shm-guard: the region ${region} was removed under its workers; restart them\n`)
    await sleep(severalLooksMs)
    program.tell('go')
    expect(await program.ended).toEqual({ code: 6, signal: null })
  })

  it('a stall in another container that shares the region by mistake', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--interval', '10ms', '--', 'sleep', '60'])
    const foreign = ['unshare', '--mount', ...worker(region, '100ms', 'beat:50', 'silent')]
    const stranger = Program.run(foreign[0] as string, foreign.slice(1))
    await stranger.said('silent')
    const stalled = await until('a stall that a probe finds', async () => {
      const { code, stdout } = await probe(['--region', region])
      return code === 1 ? stdout : undefined
    })
    expect(stalled).toMatch(/^stalled: grabber/)
    await sleep(severalLooksMs)
    expect(program.stderr).toBe(
      `shm-guard: not guarded: worker grabber of region ${region} is another container's; give each container a region of its own\n`,
    )
    expect(await program.kill('SIGTERM')).toEqual({ code: 143, signal: null })
  })

  it('what an earlier run of the same command left in the region', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region]
    const earlier = await guard([...flags, '--', ...worker(region, '1h', 'beat:50', 'raise:SIGKILL')])
    expect(earlier.code).toBe(137)
    expect((await probe(flags)).stdout).toMatch(/^dead: /)
    const program = startGuard([...flags, '--', 'sh', '-c', 'read go; exit 6'])
    await hasOpened(program, region)
    await sleep(severalLooksMs)
    program.tell('go')
    expect(await program.ended).toEqual({ code: 6, signal: null })
    expect(program.stderr).toBe('')
  })
})

// Alone on the CPU: what the guard forgives here lasts for 10 to 100 ms of its time.
describe('no reaction follows', () => {
  it('a process that ends with a claim in one of its threads', async () => {
    const claims =
      "import { parentPort } from 'node:worker_threads'; import { Heartbeat } from 'shm-liveness';" +
      " const h = Heartbeat.claim({ region: process.env.REGION, name: 't', maxAge: '1h' }); h.beat(); parentPort.postMessage(1); setInterval(h.beat, 5)"
    const script = `const { Worker } = require('node:worker_threads'); new Worker(${JSON.stringify(claims)}, { eval: true }).on('message', () => setTimeout(() => process.exit(0), 20))`
    for (let i = 0; i < 4; i++) {
      const region = uniqueRegion()
      const command = [...urgently, 'env', `REGION=${region}`, process.execPath, '-e', script]
      const found = await guard(['--region', region, '--interval', '1ms', '--', ...command])
      expect(found).toMatchObject({ code: 0, stderr: '' })
    }
  })

  it('threads that end one after the other, each followed by its successor', async () => {
    const region = uniqueRegion()
    const claims =
      "import { parentPort } from 'node:worker_threads'; import { Heartbeat } from 'shm-liveness';" +
      " parentPort.once('message', () => { const h = Heartbeat.claim({ region: process.env.REGION, name: 't', maxAge: '1h' });" +
      ' h.beat(); setInterval(h.beat, 5); parentPort.postMessage(1) })'
    // The successor is there and waits for its word, so that the name is free for some milliseconds only.
    const script = `
      const { Worker } = require('node:worker_threads')
      const next = () => new Promise((resolve) => { const worker = new Worker(${JSON.stringify(claims)}, { eval: true }); worker.once('online', () => resolve(worker)) })
      const heard = (worker) => new Promise((resolve) => worker.once('message', resolve))
      ;(async () => {
        let now = await next()
        for (let life = 0; life < 4; life++) {
          now.postMessage('go')
          await heard(now)
          const successor = await next()
          await new Promise((resolve) => setTimeout(resolve, 150))
          await now.terminate()
          await new Promise((resolve) => setTimeout(resolve, 20))
          now = successor
        }
        process.exit(0)
      })()`
    const command = [...urgently, 'env', `REGION=${region}`, process.execPath, '-e', script]
    const found = await guard(['--region', region, '--interval', '1ms', '--', ...command])
    expect(found).toMatchObject({ code: 0, stderr: '' })
  })

  it('a command whose end takes longer than its max age: its exit code tells how it ended', async () => {
    const region = uniqueRegion()
    // The kernel takes some 70 ms to free so much memory of a process that it has killed.
    const steps = worker(region, '1h', 'fill:800', 'phase:end:25ms', 'raise:SIGKILL')
    const outcome = await guard(['--region', region, '--interval', '1ms', '--', ...urgently, ...steps])
    expect(outcome).toMatchObject({ code: 137, stderr: '' })
  })
})
