/**
 * `npm run demo`: four workers in one region (this thread at 1 kHz, a worker_thread, two child processes), and what
 * shm-probe says when one is stopped by a signal, one is killed, and one hangs; then programs in Node.js and Python that
 * nobody changed, beside a worker in C++; then shm-guard, which restarts one that hangs. Ends by itself, leaves nothing
 * behind.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { Heartbeat, Region } from 'shm-liveness'
import { showGuard } from './guard.js'
import { showLanguages } from './languages.js'
import { probe, probeUntil, tell } from './probe.js'

const region = `demo-${process.pid}`
const languages = `${region}-languages`
const guarded = `${region}-guarded`
const workerFile = new URL('./worker.js', import.meta.url)
const children = new Set<ChildProcess>()

async function startProcess(name: string): Promise<ChildProcess> {
  const child = fork(workerFile, [region, name])
  children.add(child)
  child.on('exit', () => children.delete(child))
  await once(child, 'message')
  return child
}

async function startThread(name: string): Promise<Worker> {
  const thread = new Worker(workerFile, { workerData: [region, name] })
  await once(thread, 'message')
  return thread
}

async function main(): Promise<void> {
  const grabber = Heartbeat.claim({ region, name: 'grabber', maxAge: '250ms', cycleLimit: '20ms' })
  grabber.ready()
  grabber.beat()
  const loop = setInterval(grabber.beat, 1)
  const encoder = await startThread('encoder')
  const detector = await startProcess('detector')
  const tracker = await startProcess('tracker')
  tell('All four beat, a thousand times a second:', await probe(region))

  detector.kill('SIGSTOP')
  tell('detector is stopped with SIGSTOP:', await probeUntil(region, 1))
  detector.kill('SIGCONT')
  tell('… and goes on with SIGCONT:', await probeUntil(region, 0))

  tracker.kill('SIGKILL')
  tell('tracker is killed with kill -9:', await probeUntil(region, 1))
  const successor = await startProcess('tracker')
  tell('… and is started again, which takes its slot back:', await probeUntil(region, 0))
  const last = Region.open(region)
    .workers()
    .find((worker) => worker.name === 'tracker')?.lastWords
  console.log(`  last words of the one before: ${last?.ended} after ${last?.beats} beats, pid ${last?.pid}`)

  encoder.postMessage('hang')
  tell('encoder (a thread) hangs in a phase, past its budget of 300 ms:', await probeUntil(region, 1))
  tell('… and comes out of it:', await probeUntil(region, 0))

  console.log('\nWhat the region remembers of each:')
  for (const worker of Region.open(region).workers()) {
    const { name, state, beats, worstCycleMs, lateCycles } = worker
    console.log(
      `  ${name.padEnd(9)} ${state}, ${beats} beats, worst cycle ${worstCycleMs.toFixed(1)} ms, ${lateCycles} late`,
    )
  }

  clearInterval(loop)
  encoder.postMessage('stop')
  detector.kill('SIGTERM')
  successor.kill('SIGTERM')
  await Promise.all([once(encoder, 'exit'), once(detector, 'exit'), once(successor, 'exit')])
  grabber.stop()
  tell('All stopped on purpose:', await probe(region))

  await showLanguages(languages)
  await showGuard(guarded)
}

try {
  await main()
} finally {
  for (const child of children) child.kill('SIGKILL')
  for (const name of [region, languages, guarded]) rmSync(`/dev/shm/${name}`, { force: true })
}
console.log('\nThe regions are removed, all processes have ended.')
