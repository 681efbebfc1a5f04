import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Supervised } from '../support/supervised.js'
import { until, untilHolds } from '../support/until.js'

describe('worker_threads of a program that nobody changed', () => {
  const text = `const { Worker, isMainThread, parentPort } = require('node:worker_threads')
const start = () => new Worker(__filename).once('online', () => console.log('online'))
if (!isMainThread) {
  parentPort.once('message', () => { for (;;) ; })
} else {
  const threads = [start(), start()]
  require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    if (line === 'block') threads[0].postMessage('')
    if (line === 'replace') {
      await threads[0].terminate()
      threads[0] = start()
    }
  })
}`

  it('beat by themselves; one that is terminated is stopped, and the next one takes its slot', async () => {
    const app = Supervised.run(text)
    const { program } = app
    const threadStates = () => app.states().slice(1)
    await untilHolds('both are there', threadStates, (states) => states.length === 2)
    const seen = new Set<string>()
    for (let round = 2; round <= 4; round++) {
      program.tell('replace')
      await until('the next one has its slot', () => {
        const workers = app.workers()
        for (const { state } of workers) seen.add(state)
        return workers.some(({ claims }) => claims === round)
      })
    }
    // A thread is starting between its claim and its first beat, which a busy machine makes long enough to be seen.
    const healthy = ['starting', 'running', 'stopped']
    expect([...seen].filter((state) => !healthy.includes(state))).toEqual([])
    expect(threadStates().map((state) => state.split(' ')[0])).toEqual(['event-loop-thread-0', 'event-loop-thread-1'])
  })

  it('may work or wait for as long as they like', async () => {
    const app = Supervised.run(text)
    const { program, region } = app
    await untilHolds(
      'both are there',
      () => app.states(),
      (states) => states.length === 3,
    )
    program.tell('block')
    await until('one is silent for longer than max age', () =>
      app.workers().some(({ name, ageMs }) => name.includes('thread') && ageMs > 1200),
    )
    // A limit that is set for the probe is set for the loops.
    expect(await probe(['--region', region, '--max-age', '1s'])).toMatchObject({ code: 0 })
  })

  it('are held to a limit of their own, if there is one', async () => {
    const env = { SHM_LIVENESS_THREAD_MAX_AGE: '300ms', SHM_LIVENESS_NAME: 'web' }
    const app = Supervised.run(text, { env })
    const { program, region } = app
    await untilHolds(
      'both are there',
      () => app.states(),
      (states) => states.length === 3,
    )
    program.tell('block')
    const { stdout } = await untilHolds(
      'it is stalled',
      () => probe(['--region', region]),
      ({ code }) => code === 1,
    )
    expect(stdout).toMatch(/^stalled: web-thread-[01] last beat \S+ ago \(limit 300ms\)/)
  })
})
