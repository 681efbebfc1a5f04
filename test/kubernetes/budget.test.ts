import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  type BudgetOptions,
  backoffSeconds,
  detectionBudget,
  type Probe,
  probes,
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

/** Settings of the tests' own, whatever the defaults are. */
const readiness = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2 }
const liveness = { ...readiness, terminationGracePeriodSeconds: 5 }
const everySecondTwice = { maxAge: '250ms', liveness, readiness }

/**
 * The kubelet's probe loop (`prober/worker.go`): a ticker that keeps one tick for a loop that is late; a probe that
 * looks when it begins, and answers when it is done. The longest that a stall may go on, whenever it begins.
 */
function slowestStall(
  probe: { periodSeconds: number; timeoutSeconds: number; failureThreshold: number },
  jitter: number,
  speeds: number[],
): number {
  const { periodSeconds, timeoutSeconds, failureThreshold } = probe
  const looks: { begin: number; end: number }[] = []
  let begin = jitter * periodSeconds
  let tick = begin + periodSeconds
  for (const speed of speeds) {
    const end = begin + speed * timeoutSeconds
    looks.push({ begin, end })
    if (tick <= end) {
      begin = end
      // The one kept tick is taken; those that came while it lay there are lost.
      while (tick <= end) tick += periodSeconds
    } else {
      begin = tick
      tick += periodSeconds
    }
  }
  const stalls = looks.slice(1, -failureThreshold).map(({ begin: passed }, index) => {
    const last = looks[index + 1 + failureThreshold]!
    return last.end - passed
  })
  return Math.max(...stalls)
}

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
  it('is, with probes alone, seconds', () => {
    // max age .25, half a period .5, another 1, an exec .1 with a confirmation of .25, the kubelet .1
    expect(rowsOf(everySecondTwice)).toEqual([
      // at worst two periods, each stretched by a probe that takes its timeout, 2 × 2; a timeout 2, the kubelet 1
      ['signal', 'kubelet', 2.2, 7.25],
      // and the termination grace 5, and 1 to 3 as measured
      ['restart', 'kubelet', 8.2, 15.25],
      ['removal', 'kubelet', 2.2, 7.25],
    ])
  })

  it('is of the default probes, if none are given', () => {
    const { livenessProbe, readinessProbe } = probes()
    const pick = (probe: Probe) => {
      const { periodSeconds, timeoutSeconds, failureThreshold } = probe
      return { periodSeconds, timeoutSeconds, failureThreshold }
    }
    const given = { liveness: pick(livenessProbe), readiness: pick(readinessProbe) }
    expect(rowsOf({ maxAge: '250ms' })).toEqual(rowsOf({ maxAge: '250ms', ...given }))
  })

  it('never takes less than a kubelet that is as slow as it may be', () => {
    const setting = fc.record({
      periodSeconds: fc.integer({ min: 1, max: 12 }),
      timeoutSeconds: fc.integer({ min: 1, max: 12 }),
      failureThreshold: fc.integer({ min: 1, max: 6 }),
    })
    const phase = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(setting, phase, fc.array(phase, { minLength: 40, maxLength: 40 }), (probe, jitter, speeds) => {
        const [row] = detectionBudget({ maxAge: 1, liveness: probe, guard: false })
        // Max age and the pod's worker aside, which the simulation leaves out.
        const budget = row!.worstSeconds - 0.001 - 1
        expect(slowestStall(probe, jitter, speeds)).toBeLessThanOrEqual(budget + 1e-6)
      }),
    )
    // And not much more than it: the worst case happens.
    const probe = { periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 3 }
    const [row] = detectionBudget({ maxAge: 1, liveness: probe, guard: false })
    expect(slowestStall(probe, 0, Array(40).fill(1))).toBeCloseTo(row!.worstSeconds - 0.001 - 1, 3)
  })

  it('is, with a guard that restarts in place, what max age, its interval and its pause take', () => {
    const guarded = { ...everySecondTwice, liveness: { ...liveness, periodSeconds: 5, failureThreshold: 3 } }
    expect(rowsOf({ ...guarded, guard: { restart: true } })).toEqual([
      ['signal', 'guard', 0.26, 0.275],
      ['restart', 'guard', 0.41, 5.425],
      ['signal', 'kubelet', 13.2, 18.25],
      ['restart', 'kubelet', 19.2, 26.25],
      ['removal', 'kubelet', 2.2, 7.25],
    ])
  })

  it('waits for the timeouts, where a guard that hangs is to be found by httpGet', () => {
    const by = (via: 'exec' | 'httpGet') => rowsOf({ ...everySecondTwice, guard: true, via })
    const signal = (rows: (string | number)[][]) =>
      rows.find(([reaction, who]) => reaction === 'signal' && who === 'kubelet')
    // max age .25, half a period .5, one request more 2, and the last 2, the kubelet .1
    expect(signal(by('httpGet'))).toEqual(['signal', 'kubelet', 4.85, 7.25])
    expect(signal(by('exec'))).toEqual(['signal', 'kubelet', 2.2, 7.25])
    // The guard that answers takes the pod out of service at once.
    expect(by('httpGet').at(-1)).toEqual(['removal', 'kubelet', 1.86, 7.25])
  })

  it("counts the guard's pauses, which double up to 10 s", () => {
    const again = (restarts: number) => rowsOf({ maxAge: '250ms', guard: { restart: true }, restarts })[1]
    expect([again(1), again(20)]).toEqual([
      ['restart', 'guard', 0.51, 5.525],
      ['restart', 'guard', 10.31, 15.325],
    ])
  })

  it('waits for the kubelet to see the end, if the guard does not restart', () => {
    expect(rowsOf({ maxAge: '250ms', guard: true, restarts: 2 })[1]).toEqual(['restart', 'guard', 22.76, 29.275])
  })

  it('counts the grace of the pod', () => {
    const restart = (options: object) => rowsOf({ ...everySecondTwice, ...options })[1]
    const own = restart({ liveness: { ...liveness, terminationGracePeriodSeconds: 9 } })
    expect(own).toEqual(['restart', 'kubelet', 12.2, 19.25])
    // The pod's is for a probe without one; the probe's own goes first.
    expect(restart({ liveness: readiness, terminationGracePeriodSeconds: 9 })).toEqual(own)
    expect(restart({ terminationGracePeriodSeconds: 9 })).toEqual(restart({}))
  })

  it('rounds no worst case down', () => {
    const worst = (maxAge: string) => detectionBudget({ ...everySecondTwice, maxAge })[0]!.worstSeconds
    expect([worst('250ms'), worst('250001ns'), worst('250400us')]).toEqual([7.25, 7.001, 7.251])
  })

  it('leaves a container the two seconds that the kubelet always leaves it', () => {
    const restart = (terminationGracePeriodSeconds: number) =>
      rowsOf({ ...everySecondTwice, liveness: { ...liveness, terminationGracePeriodSeconds } })[1]
    expect(restart(2)).toEqual(['restart', 'kubelet', 5.2, 12.25])
    expect(restart(1)).toEqual(restart(2))
  })

  it('is shorter by httpGet, which waits for no confirmation of its own', () => {
    const [signal] = rowsOf({
      ...everySecondTwice,
      via: 'httpGet',
      guard: false,
      liveness: { ...liveness, timeoutSeconds: 1 },
    })
    expect(signal).toEqual(['signal', 'kubelet', 1.86, 4.25])
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
          const slower = kubelets(detectionBudget({ maxAge, liveness: more, guard, restarts }))
          // A period below the timeout is stretched to it.
          if (more.periodSeconds > liveness.timeoutSeconds) expect(slower).toBeGreaterThan(kubelets(rows))
          else expect(slower).toBe(kubelets(rows))
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
    [{ maxAge: 1, livness: {} }, 'livness'],
    [{ maxAge: 1, terminationGracePeriodSeconds: 0.5 }, 'terminationGracePeriodSeconds'],
  ])('refuses %j', (options, what) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(what) })
    expect(() => detectionBudget(options as BudgetOptions)).toThrow(refusal)
  })
})

describe('settingsWithin()', () => {
  it('gives what its example says', () => {
    const source = readFileSync(new URL('../../lib/kubernetes/settings-within.ts', import.meta.url), 'utf8')
    const [, maxAge, within, period] =
      /settingsWithin\(\{ maxAge: '(.+?)', within: '(.+?)' \}\) \/\/ .*periodSeconds: (\d+)/.exec(source) ?? []
    expect(settingsWithin({ maxAge: maxAge as string, within: within as string })).toMatchObject({
      settings: { periodSeconds: Number(period) },
    })
  })

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
    // A period of 1 s would be no faster: a probe may take its timeout of 2.
    expect(settingsWithin({ maxAge: '250ms', within: '7.25s' })).toMatchObject({
      settings: { failureThreshold: 2, periodSeconds: 2 },
    })
    expect(settingsWithin({ maxAge: '250ms', within: '7.249s' })).toMatchObject({
      by: 'guard',
      worstSeconds: 0.275,
      reason: expect.stringContaining('take 7.25 s at their fastest'),
    })
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
    // The guard's signal .275, its grace for a program that is deaf to it 5, and the kubelet sees the end 1.
    const guarded = { by: 'guard', worstSeconds: 6.275 }
    expect(settingsWithin({ maxAge: '250ms', within: '6.275s', reaction: 'removal' })).toMatchObject(guarded)
    expect(settingsWithin({ maxAge: '250ms', within: '6.274s', reaction: 'removal' })).toMatchObject({
      by: 'nothing',
      leastSeconds: 6.275,
      reason: expect.stringContaining('its grace'),
    })
  })

  it('keeps what it promises, and nothing gentler would', () => {
    const reactions = fc.constantFrom<Reaction>('signal', 'restart', 'removal')
    const limits = fc.record(
      {
        confirm: fc.integer({ min: 0, max: 5_000 }),
        via: fc.constantFrom<('exec' | 'httpGet')[]>('exec', 'httpGet'),
        restarts: fc.nat(9),
        backoff: fc.record({ initialSeconds: fc.nat(10), maxSeconds: fc.integer({ min: 1, max: 300 }) }),
      },
      { requiredKeys: [] },
    )
    // Down to a nanosecond: what is rounded must not be rounded down.
    const durations = (max: number) => fc.integer({ min: 1, max: max * 1e9 }).map((ns) => `${ns}ns`)
    fc.assert(
      fc.property(durations(20), durations(300), reactions, limits, (maxAge, within, reaction, more) => {
        const answer = settingsWithin({ maxAge, within, reaction, ...more })
        const wantedSeconds = Number.parseInt(within, 10) / 1e9
        if (answer.by === 'nothing') {
          expect(answer.leastSeconds).toBeGreaterThan(wantedSeconds)
          return
        }
        expect(answer.worstSeconds).toBeLessThanOrEqual(wantedSeconds)
        const worst = (options: Partial<BudgetOptions>) => {
          const rows = detectionBudget({ maxAge, ...more, ...options })
          return rows.find((row) => row.reaction === reaction && row.by === answer.by)?.worstSeconds
        }
        if (answer.by === 'guard') {
          if (reaction !== 'removal') expect(worst({ guard: { restart: true } })).toBe(answer.worstSeconds)
          return
        }
        expect(worst({ [answer.probe]: answer.settings })).toBe(answer.worstSeconds)
        const gentler = { ...answer.settings, periodSeconds: answer.settings.periodSeconds! + 1 }
        if (gentler.periodSeconds <= 60) expect(worst({ [answer.probe]: gentler })).toBeGreaterThan(wantedSeconds)
      }),
      { numRuns: 500 },
    )
  })

  it.each(['liveness', 'readiness', 'guard', 'terminationGracePeriodSeconds', 'witin'])(
    'refuses %s, which would have no effect',
    (name) => {
      const options = { maxAge: 1, within: '9s', [name]: 3 } as never
      expect(() => settingsWithin(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )

  it('refuses what is no time and no reaction', () => {
    expect(() => settingsWithin({ maxAge: 1, within: 0 })).toThrow(/^within/)
    expect(() => settingsWithin({ maxAge: 1, within: 1, reaction: 'panic' as never })).toThrow(/^reaction/)
  })
})
