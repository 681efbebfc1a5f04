import fc from 'fast-check'
import {
  type BudgetOptions,
  backoffSeconds,
  detectionBudget,
  type Reaction,
  settingsWithin,
} from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'

const rowsOf = (options: BudgetOptions) =>
  detectionBudget(options).map(({ reaction, by, typicalSeconds, worstSeconds }) => [
    reaction,
    by,
    typicalSeconds,
    worstSeconds,
  ])

describe('backoffSeconds()', () => {
  it.each([
    [0, 0],
    [1, 10],
    [2, 20],
    [3, 40],
    [5, 160],
    [6, 300],
    [5000, 300],
  ])('is, after %d restarts, %d s', (restarts, seconds) => {
    expect(backoffSeconds(restarts)).toBe(seconds)
  })

  it('goes by what a node has configured', () => {
    expect([1, 2, 3, 4].map((restarts) => backoffSeconds(restarts, { initialSeconds: 1, maxSeconds: 5 }))).toEqual([
      1, 2, 4, 5,
    ])
  })
})

describe('detectionBudget()', () => {
  it('is, with the default probes, seconds', () => {
    // max age .25, half a period .5, two more 2, an exec .1 with a confirmation of .25, the kubelet .1
    expect(rowsOf({ maxAge: '250ms' })).toEqual([
      // at worst a whole period 1, two more stretched to the timeout 4, a timeout 2, the kubelet 1
      ['signal', 'kubelet', 3.2, 8.25],
      // and the termination grace 5, and 1 to 3 as measured
      ['restart', 'kubelet', 9.2, 16.25],
      ['removal', 'kubelet', 2.2, 6.25],
    ])
  })

  it('is, with a guard that restarts in place, what max age, its interval and its pause take', () => {
    expect(rowsOf({ maxAge: '250ms', guard: { restart: true } })).toEqual([
      ['signal', 'guard', 0.26, 0.275],
      ['restart', 'guard', 0.41, 5.425],
      ['signal', 'kubelet', 13.2, 18.25],
      ['restart', 'kubelet', 19.2, 26.25],
      ['removal', 'kubelet', 2.2, 6.25],
    ])
  })

  it("counts the guard's pauses, which double up to 10 s", () => {
    const again = (restarts: number) => rowsOf({ maxAge: '250ms', guard: { restart: true }, restarts })[1]
    expect([again(1), again(20)]).toEqual([
      ['restart', 'guard', 0.51, 5.525],
      ['restart', 'guard', 10.31, 15.325],
    ])
  })

  it('waits for the kubelet to see the end, if the guard does not restart', () => {
    expect(rowsOf({ maxAge: '250ms', guard: true, restarts: 2 })[1]).toEqual(['restart', 'guard', 21.76, 29.275])
  })

  it('counts the back-off and the grace of the pod', () => {
    const restart = (options: object) => rowsOf({ maxAge: '250ms', ...options })[1]
    expect(restart({ restarts: 6 })).toEqual(['restart', 'kubelet', 309.2, 316.25])
    const none = { terminationGracePeriodSeconds: undefined }
    expect(restart({ liveness: none, terminationGracePeriodSeconds: 1 })).toEqual(restart({}))
    expect(restart({ liveness: { terminationGracePeriodSeconds: 1 } })).toEqual(['restart', 'kubelet', 5.2, 12.25])
  })

  it('is shorter by httpGet, which waits for no confirmation of its own', () => {
    const [signal] = rowsOf({ maxAge: '250ms', via: 'httpGet', guard: false, liveness: { timeoutSeconds: 1 } })
    expect(signal).toEqual(['signal', 'kubelet', 2.86, 5.25])
  })

  it('never has a worst below the typical, nor less for more', () => {
    const settings = fc.record({
      periodSeconds: fc.integer({ min: 1, max: 60 }),
      timeoutSeconds: fc.integer({ min: 1, max: 60 }),
      failureThreshold: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(
        settings,
        fc.integer({ min: 1, max: 60_000 }),
        fc.boolean(),
        fc.nat(9),
        (liveness, maxAge, guard, restarts) => {
          const rows = detectionBudget({ maxAge, liveness, guard, restarts })
          for (const row of rows) expect(row.worstSeconds).toBeGreaterThanOrEqual(row.typicalSeconds)
          const more = { ...liveness, periodSeconds: liveness.periodSeconds + 1 }
          const kubelets = (all: typeof rows) => all.find(({ by }) => by === 'kubelet')!.worstSeconds
          expect(kubelets(detectionBudget({ maxAge, liveness: more, guard, restarts }))).toBeGreaterThan(kubelets(rows))
        },
      ),
    )
  })

  it.each<[object, string]>([
    [{ maxAge: 0 }, 'maxAge'],
    [{ maxAge: 'soon' }, 'maxAge'],
    [{ maxAge: 1, via: 'tcp' }, 'via'],
    [{ maxAge: 1, restarts: -1 }, 'restarts'],
    [{ maxAge: 1, liveness: { periodSeconds: 0 } }, 'periodSeconds'],
    [{ maxAge: 1, guard: { grace: 'x' } }, 'guard.grace'],
  ])('refuses %j', (options, what) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(what) })
    expect(() => detectionBudget(options as BudgetOptions)).toThrow(refusal)
  })
})

describe('settingsWithin()', () => {
  it('is the gentlest setting that keeps the time at worst', () => {
    const answer = settingsWithin({ maxAge: '250ms', within: '10s' })
    expect(answer).toEqual({
      by: 'kubelet',
      probe: 'liveness',
      settings: { periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3, terminationGracePeriodSeconds: 5 },
      worstSeconds: 9.25,
    })
  })

  it('forgives two failures at least, and says when only the guard is fast enough', () => {
    expect(settingsWithin({ maxAge: '250ms', within: '6.25s' })).toMatchObject({
      settings: { failureThreshold: 2, periodSeconds: 1 },
    })
    expect(settingsWithin({ maxAge: '250ms', within: '6.24s' })).toMatchObject({ by: 'guard', worstSeconds: 0.275 })
    expect(settingsWithin({ maxAge: '250ms', within: '275ms' })).toMatchObject({ by: 'guard' })
  })

  it('says when nothing is, since the max age is too long', () => {
    const answer = settingsWithin({ maxAge: '250ms', within: '274ms' })
    expect(answer).toMatchObject({
      by: 'nothing',
      leastSeconds: 0.275,
      reason: expect.stringContaining('lower max age'),
    })
  })

  it('sets readiness for a removal', () => {
    expect(settingsWithin({ maxAge: '1s', within: '30s', reaction: 'removal' })).toMatchObject({ probe: 'readiness' })
    expect(settingsWithin({ maxAge: '250ms', within: '2s', reaction: 'removal' })).toMatchObject({
      by: 'guard',
      worstSeconds: 1.275,
    })
  })

  it('keeps what it promises, and nothing gentler would', () => {
    const reactions = fc.constantFrom<Reaction>('signal', 'restart', 'removal')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1, max: 300_000 }),
        reactions,
        (maxAge, within, reaction) => {
          const answer = settingsWithin({ maxAge, within, reaction })
          if (answer.by !== 'kubelet') return
          const worst = (settings: object) =>
            detectionBudget({ maxAge, [answer.probe]: settings }).find((row) => row.reaction === reaction)!.worstSeconds
          expect(worst(answer.settings)).toBe(answer.worstSeconds)
          expect(answer.worstSeconds).toBeLessThanOrEqual(within / 1000)
          const gentler = { ...answer.settings, periodSeconds: answer.settings.periodSeconds! + 1 }
          if (gentler.periodSeconds <= 60) expect(worst(gentler)).toBeGreaterThan(within / 1000)
        },
      ),
    )
  })

  it('refuses what is no time and no reaction', () => {
    expect(() => settingsWithin({ maxAge: 1, within: 0 })).toThrow(/^within/)
    expect(() => settingsWithin({ maxAge: 1, within: 1, reaction: 'panic' as never })).toThrow(/^reaction/)
  })
})
