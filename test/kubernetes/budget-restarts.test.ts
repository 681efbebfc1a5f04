import fc from 'fast-check'
import { type BackoffOptions, type BudgetOptions, backoffSeconds, detectionBudget } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'

/** Settings of the tests' own, whatever the defaults are. */
const readiness = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2 }
const liveness = { ...readiness, terminationGracePeriodSeconds: 5 }
const everySecondTwice = { maxAge: '250ms', liveness, readiness }

const restart = (options: Partial<BudgetOptions>) => {
  const row = detectionBudget({ ...everySecondTwice, ...options }).find(({ reaction }) => reaction === 'restart')
  return [row?.typicalSeconds, row?.worstSeconds]
}

/**
 * The kubelet's `doBackOff` with `flowcontrol.Backoff`, and `SyncPod`, which kills and starts in one pass with the status
 * from before the kill. Gives the seconds from each end to the next start.
 */
function kubelet(ends: { by: 'kill' | 'exit'; ranSeconds: number }[], options: BackoffOptions = {}): number[] {
  const { initialSeconds = 10, maxSeconds = 300 } = options
  let now = 0
  let exitedAt: number | undefined
  let entry: { backoff: number; lastUpdate: number } | undefined
  /** @param finishedAt of the newest exited container in the status */
  const isInBackOff = (finishedAt: number | undefined): boolean => {
    if (finishedAt === undefined) return false
    // GC, which runs every two seconds, and hasExpired.
    if (entry !== undefined && Math.max(now, finishedAt) - entry.lastUpdate > 2 * maxSeconds) entry = undefined
    if (entry !== undefined && now - finishedAt < entry.backoff) return true
    entry = { backoff: entry ? Math.min(maxSeconds, entry.backoff * 2) : initialSeconds, lastUpdate: now }
    return false
  }
  return ends.map(({ by, ranSeconds }) => {
    now += ranSeconds
    const endedAt = now
    const isStarted = by === 'kill' && !isInBackOff(exitedAt)
    exitedAt = endedAt
    if (!isStarted) while (isInBackOff(exitedAt)) now++
    return now - endedAt
  })
}

describe('the wait before a restart by the kubelet', () => {
  it('is none for a stalled container that has lived longer than the back-off', () => {
    // max age .25, half a period .5, another 1, an exec .1 with a confirmation of .25, the kubelet .1, the grace 5, a start 1
    for (const restarts of [0, 1, 2, 6, 100]) {
      expect(restart({ restarts })[0], `${restarts} restarts`).toBe(8.2)
      expect(restart({ restarts, ran: '301s' }), `${restarts} restarts`).toEqual([8.2, 15.25])
    }
  })

  it('is the whole back-off for one that stalls again before that', () => {
    expect(restart({ restarts: 6 })).toEqual([8.2, 315.25])
    expect(restart({ restarts: 6, ran: '10s' })).toEqual([309.2, 315.25])
    // It lived for 9 s and the 7.2 s of its end: 16.2 s, which is more than 10 s and less than 20 s.
    expect(restart({ restarts: 1, ran: '9s' })).toEqual([8.2, 25.25])
    expect(restart({ restarts: 2, ran: '9s' })).toEqual([29.2, 35.25])
  })

  it('is that of the first restart, once the container has run for twice the maximum', () => {
    const exits = { guard: true, restarts: 6 }
    expect(restart({ ...exits, ran: '599s' })).toEqual([302.76, 309.275])
    expect(restart({ ...exits, ran: '601s' })).toEqual(restart({ guard: true }))
    const shorter = { maxSeconds: 60 }
    expect(restart({ ...exits, ran: '121s', backoff: shorter })).toEqual(restart({ guard: true }))
  })

  it('of an exit agrees with what was measured: 1, 12 and 23 s after the end', () => {
    for (const [restarts, measured] of [1, 12, 23].entries()) {
      const [signal, again] = detectionBudget({ ...everySecondTwice, guard: true, restarts })
      const [noticedTypical, noticedWorst, grace] = [0.5, 1, 5]
      expect(Math.abs(again!.typicalSeconds - signal!.typicalSeconds - noticedTypical - measured)).toBeLessThanOrEqual(
        1,
      )
      expect(again!.worstSeconds - signal!.worstSeconds - noticedWorst - grace).toBeGreaterThanOrEqual(measured)
    }
  })

  it("is, for exits, what the kubelet's own rule gives", () => {
    const exits = Array.from({ length: 9 }, () => ({ by: 'exit' as const, ranSeconds: 3 }))
    expect(kubelet(exits)).toEqual(exits.map((_, restarts) => backoffSeconds(restarts)))
  })

  it("by the kubelet's own rule is never longer than the worst, whatever came before", () => {
    const end = fc.record({
      by: fc.constantFrom<('kill' | 'exit')[]>('kill', 'exit'),
      ranSeconds: fc.integer({ min: 8, max: 900 }),
    })
    fc.assert(
      fc.property(fc.array(end, { minLength: 1, maxLength: 12 }), (lives) => {
        const waits = kubelet([...lives, { by: 'kill', ranSeconds: 8 }])
        const ranSeconds = [...lives, { ranSeconds: 8 }].map((life) => life.ranSeconds)
        for (const [restarts, wait] of waits.entries()) {
          const options = { restarts, ran: `${ranSeconds[restarts]}s` }
          const [, worst = 0] = lives[restarts]?.by === 'exit' ? restart({ ...options, guard: true }) : restart(options)
          const [, free = 0] = lives[restarts]?.by === 'exit' ? restart({ guard: true }) : restart({})
          // Steps of the simulation are whole seconds.
          expect(wait).toBeLessThanOrEqual(worst - free + 1)
        }
      }),
    )
  })

  it("is none in the kubelet's own rule for kills of containers that run long enough", () => {
    const kills = [1, 1, 12, 25, 50, 100, 200, 301, 301].map((ranSeconds) => ({ by: 'kill' as const, ranSeconds }))
    expect(kubelet(kills)).toEqual(kills.map(() => 0))
    // A tight loop of kills waits from the third on, by the back-off of one restart less.
    const tight = Array.from({ length: 5 }, () => ({ by: 'kill' as const, ranSeconds: 8 }))
    expect(kubelet(tight)).toEqual([0, 0, 10, 20, 40])
  })
})
