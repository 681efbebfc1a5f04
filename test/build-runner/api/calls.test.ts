import { ApiException } from '@kubernetes/client-node'
import { beforeEach, describe, expect, it } from 'vitest'
import { type CallSettings, Calls, makeBreaker } from '../../../examples/kata-build-runner/api/calls.js'
import { SimulatedClock } from '../../support/simulated-clock.js'

const server = 'https://a.test'
let clock = new SimulatedClock()
beforeEach(() => {
  clock = new SimulatedClock()
})

const calls = (change: Partial<CallSettings> = {}) =>
  new Calls({
    ...{ server, clock, breaker: makeBreaker(clock), timeoutMs: 1000, retryDelayMs: 100, maxAttempts: 4 },
    ...change,
  })
const refused = (code: number, headers = {}) => new ApiException(code, 'no', '', headers)
const broken = () => Object.assign(new Error('gone'), { code: 'ECONNRESET' })

/** Fails in these ways, then succeeds; knows when it was asked. */
function asked(...failures: unknown[]) {
  const at: number[] = []
  const ask = async () => {
    at.push(clock.now())
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return 'done'
  }
  return { ask, at }
}

/** The outcome, once all waits are over. */
async function settled<T>(promise: Promise<T>): Promise<T | { failed: unknown }> {
  return await clock.ending(promise.catch((failed: unknown) => ({ failed })))
}

/** Calls that fail until the breaker opens. */
async function opened(all: Calls): Promise<void> {
  for (let call = 0; call < 5; call++) await all.call('x', asked(broken()).ask).catch(() => {})
}

describe('a call', () => {
  it('is tried again, ever more rarely, with jitter', async () => {
    const { ask, at } = asked(broken(), refused(500), refused(503))
    expect(await settled(calls().call('x', ask))).toBe('done')
    const waits = at.slice(1).map((ms, index) => ms - at[index]!)
    for (const [index, most] of [100, 200, 400].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(most / 2 - 1)
      expect(waits[index]).toBeLessThanOrEqual(most + 1)
    }
  })

  it('fails with the last failure after as many tries as there may be', async () => {
    const { ask, at } = asked(broken(), broken(), refused(500), refused(503), broken())
    expect(await settled(calls().call('list Jobs', ask))).toMatchObject({
      failed: { code: 'API', message: expect.stringContaining('list Jobs: the API server refused with 503') },
    })
    expect(at).toHaveLength(4)
  })

  it('is not tried again if it is refused for good', async () => {
    for (const status of [400, 401, 403, 404, 409, 422]) {
      const { ask, at } = asked(refused(status))
      expect(await settled(calls().call('x', ask))).toMatchObject({ failed: { cause: { code: status } } })
      expect(at).toHaveLength(1)
    }
  })

  it('waits as long as the server says, and no longer than a minute', async () => {
    const { ask, at } = asked(refused(429, { 'retry-after': '5' }), refused(503, { 'retry-after': '9999' }))
    expect(await settled(calls().call('x', ask))).toBe('done')
    expect(at[1]).toBeGreaterThanOrEqual(5000)
    expect(at[1]).toBeLessThanOrEqual(5200)
    expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(60_000)
    expect(at[2]! - at[1]!).toBeLessThanOrEqual(60_200)
  })

  it('ends the request that takes too long, and asks again', async () => {
    let ended = 0
    const hanging = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error(`end ${++ended}`))))
    const answers = [hanging, hanging, async () => 'done']
    expect(await settled(calls().call<string>('x', (signal) => answers.shift()!(signal)))).toBe('done')
    expect(ended).toBe(2)
  })

  it.each(['all of the runner', 'this one alone'])('ends at once where the signal of %s says so', async (whose) => {
    const controller = new AbortController()
    const isOwn = whose === 'this one alone'
    const waiting = calls(isOwn ? {} : { signal: controller.signal }).call(
      'x',
      asked(refused(429, { 'retry-after': '30' })).ask,
      isOwn ? controller.signal : undefined,
    )
    const asking = calls(isOwn ? {} : { signal: controller.signal }).call(
      'x',
      (signal) => new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      isOwn ? controller.signal : undefined,
    )
    const outcomes = Promise.allSettled([waiting, asking])
    await clock.advance(100)
    controller.abort()
    expect(await outcomes).toMatchObject([{ reason: { code: 'CANCELLED' } }, { reason: { code: 'CANCELLED' } }])
  })

  it('passes mistakes of its own on as they are', async () => {
    const mistake = new TypeError('undefined is no function')
    const { ask, at } = asked(mistake)
    expect(await settled(calls().call('x', ask))).toEqual({ failed: mistake })
    expect(at).toHaveLength(1)
  })
})

describe('the breaker', () => {
  it('opens once half of the calls fail, lets one through after a while, and closes', async () => {
    const breaker = makeBreaker(clock)
    const all = calls({ breaker, maxAttempts: 1 })
    let isBroken = true
    let requests = 0
    const ask = async () => {
      requests++
      if (isBroken) throw broken()
      return 'done'
    }
    for (let call = 0; call < 5; call++) await all.call('x', ask).catch(() => {})
    expect(breaker.isOpen).toBe(true)
    await expect(all.call('x', ask)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    await expect(all.open('watch', ask)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    expect(requests).toBe(5)
    isBroken = false
    await clock.advance(9_999)
    await expect(all.call('x', ask)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    await clock.advance(1)
    expect(await all.call('x', ask)).toBe('done')
    expect(breaker.isOpen).toBe(false)
  })

  it('lets no second call through beside the one that tries, and rests again if that fails', async () => {
    const breaker = makeBreaker(clock)
    const all = calls({ breaker, maxAttempts: 1 })
    await opened(all)
    await clock.advance(10_000)
    let fail = (_: Error) => {}
    const trying = all.call('x', () => new Promise<never>((_, reject) => (fail = reject)))
    await expect(all.call('x', asked().ask)).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    fail(broken())
    await expect(trying).rejects.toMatchObject({ code: 'API' })
    expect(breaker.isOpen).toBe(true)
  })

  it('forgets failures of more than 10 s ago', async () => {
    const breaker = makeBreaker(clock)
    const all = calls({ breaker, maxAttempts: 1 })
    for (let call = 0; call < 20; call++) {
      await all.call('x', asked(broken()).ask).catch(() => {})
      await clock.advance(2_500)
    }
    expect(breaker.isOpen).toBe(false)
  })

  it('is waited for by a call that has tries left, and said to be open after the last', async () => {
    const breaker = makeBreaker(clock)
    await opened(calls({ breaker, maxAttempts: 1 }))
    const { ask } = asked()
    expect(await settled(calls({ breaker }).call('read Job a', ask))).toMatchObject({
      failed: { code: 'BREAKER_OPEN', message: expect.stringContaining('read Job a') },
    })
    expect(breaker.isOpen).toBe(true)
    expect(await settled(calls({ breaker, retryDelayMs: 6000 }).call('x', ask))).toBe('done')
  })

  it('does not open of refusals, of ends, or of what streams do', async () => {
    const breaker = makeBreaker(clock)
    const all = calls({ breaker, maxAttempts: 1 })
    for (const status of [403, 404, 409, 422, 429]) {
      for (let call = 0; call < 10; call++) await all.call('x', asked(refused(status)).ask).catch(() => {})
    }
    for (let call = 0; call < 50; call++) await all.open('x', asked(broken()).ask).catch(() => {})
    for (let call = 0; call < 50; call++) {
      const controller = new AbortController()
      const aborted = (signal: AbortSignal) =>
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(broken())))
      const ended = all.call('x', aborted, controller.signal).catch(() => {})
      controller.abort()
      await ended
    }
    expect(breaker.isOpen).toBe(false)
  })

  it('does not open of the one failure of a quiet hour', async () => {
    const breaker = makeBreaker(clock)
    expect(await settled(calls({ breaker }).call('x', asked(broken()).ask))).toBe('done')
    expect(breaker.isOpen).toBe(false)
  })
})
