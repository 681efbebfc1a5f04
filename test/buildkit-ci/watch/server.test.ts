import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { budgetsFor, usualBudget } from '../../../examples/buildkit-ci/progress/budgets.js'
import { WatchMetrics } from '../../../examples/buildkit-ci/watch/metrics.js'
import { watchServer } from '../../../examples/buildkit-ci/watch/server.js'
import { Watcher } from '../../../examples/buildkit-ci/watch/watcher.js'
import { afterTests } from '../../support/after-tests.js'
import { get } from '../../support/http-raw.js'
import { until } from '../../support/until.js'
import { connectTo, startFake } from '../support.js'

const closing: (() => unknown)[] = []
afterTests(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A watcher that asks a fake daemon every 10 ms, behind its server. */
async function served() {
  const { fake, socket } = await startFake()
  const taken: (string | undefined)[] = []
  const voice = { beat: () => {}, end: () => {}, takes: (why: string | undefined) => taken.push(why) }
  const said: string[] = []
  const say = (line: string) => said.push(line)
  const budgets = budgetsFor('daemon', usualBudget)
  const watcher = new Watcher({
    ...{ connection: connectTo(socket), voice, budgets, say },
    ...{ intervalMs: 10, apiAnswerMs: 60_000 },
  })
  const stop = new AbortController()
  const running = watcher.run(stop.signal)
  const metrics = new WatchMetrics(() => watcher)
  const server = watchServer({ watcher, metrics, settleMs: 0, drainTimeoutMs: 60_000, say }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    server.close()
    stop.abort()
    await running
  })
  await until('the daemon answers', () => watcher.state === 'answering')
  let answer: string | undefined
  const drain = async () => {
    answer = (await get((server.address() as AddressInfo).port, '/drain')).body
  }
  return { fake, watcher, taken, said, drain, answer: () => answer }
}

describe('/drain', () => {
  it('is not answered while the daemon does not name its builds', async () => {
    const { fake, watcher, said, drain, answer } = await served()
    fake.refuseHistory(status.INTERNAL)
    await until('the error is known', () => watcher.known.refs === undefined)
    const drained = drain()
    await until('it waits', () => said.includes('draining: waiting for the daemon to name its builds'))
    expect(answer()).toBeUndefined()
    fake.refuseHistory(undefined)
    await drained
    expect(answer()).toBe('drained: no build runs\n')
  })

  it('is not answered by what the daemon said before it was asked', async () => {
    const { fake, watcher, said, drain, answer } = await served()
    fake.hang('history')
    await until('an answer is owed', () => watcher.owedMs > 50)
    void drain().catch(() => {})
    await until('it waits', () => said.some((line) => line.startsWith('draining: ')))
    await until('two looks of the drain', () => watcher.owedMs > 1200)
    expect(answer()).toBeUndefined()
  })

  it('leaves the daemon ready: any step of a build can ask for it', async () => {
    const { fake, watcher, taken, said, drain } = await served()
    fake.build('a').begin('[1/1] RUN make')
    await until('the build is known', () => watcher.refs.includes('a'))
    const drained = drain()
    await until('it waits', () => said.includes('draining: waiting for build a'))
    expect(taken.at(-1)).toBeUndefined()
    fake.end('a')
    await drained
    expect(taken.filter((why) => why !== undefined)).toEqual(['buildkitd has not answered'])
  })
})
