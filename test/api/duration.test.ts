import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationNs, parseDuration } from '../../lib/duration.js'
import { probeAll } from '../support/probe.js'

interface Vectors {
  valid: [string, number][]
  invalid: string[]
  said: [number, string][]
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/durations.json', import.meta.url), 'utf8')) as Vectors
const maxNs = 366 * 24 * 3600 * 1e9

const unitsNs = { h: 3_600_000_000_000n, m: 60_000_000_000n, s: 1_000_000_000n, ms: 1_000_000n, us: 1_000n, ns: 1n }
const units = Object.keys(unitsNs) as (keyof typeof unitsNs)[]

/** A row of parts from large to small, each a whole number with some decimals; and what it is worth, to the nanosecond. */
const written = fc
  .tuple(
    fc.subarray(units, { minLength: 1 }),
    fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
    fc.nat(999_999_999),
  )
  .chain(([chosen, wholes, fraction]) =>
    fc.nat(9).map((decimals) => {
      let text = ''
      let ns = 0n
      for (const [i, unit] of chosen.entries()) {
        const digits = String(fraction).padStart(9, '0').slice(0, decimals)
        text += `${wholes[i]}${digits === '' ? '' : `.${digits}`}${unit}`
        ns += BigInt(wholes[i]!) * unitsNs[unit]
        ns += (BigInt(digits.padEnd(9, '0')) * unitsNs[unit]) / 1_000_000_000n
      }
      return { text, ns }
    }),
  )

describe('parseDuration', () => {
  it.each(vectors.valid)('reads %j', (text, ns) => {
    expect(parseDuration(text)).toBe(ns)
  })

  it.each(vectors.invalid.map((text) => [text]))('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it.each(vectors.said)('reads back what the probe says for %d ns: %s, unless that was cut', (ns, said) => {
    expect(parseDuration(said)).toBeLessThanOrEqual(ns)
    expect(parseDuration(said)).toBeGreaterThan(ns < 120e9 ? ns * 0.99 - 1 : ns - (ns < 3600e9 ? 1e9 : 60e9))
  })

  it('is exact to the nanosecond, fractions of any unit cut below it', () => {
    fc.assert(
      fc.property(written, ({ text, ns }) => {
        expect(parseDuration(text)).toBe(Number(ns))
      }),
      { numRuns: 5_000, examples: [[{ text: '0.636414766m', ns: 38_184_885_960n }]] },
    )
  })

  it('adds up the parts', () => {
    fc.assert(
      fc.property(fc.nat(8000), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
        expect(parseDuration(`${h}h${m}m${s}s${ms}ms`)).toBe((h * 3600 + m * 60 + s) * 1e9 + ms * 1e6)
      }),
    )
  })

  it('never gives anything but whole nanoseconds up to a year, and never throws', () => {
    const pieces = fc.constantFrom(...units, '.', '0', '1', '9', '25', ' ', '-', '+', 'e', 'µs', '\n', '９')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((all) => all.join('')),
        ),
        (text) => {
          const ns = parseDuration(text)
          if (ns !== undefined) expect(Number.isSafeInteger(ns) || ns > 2 ** 53).toBe(true)
          if (ns !== undefined) expect(ns >= 0 && ns <= maxNs).toBe(true)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('accepts what shm-probe accepts, and nothing else', async () => {
    const pieces = fc.constantFrom(...units, '.', '0', '1', '9', '25', '8784', ' ', '-')
    const made = fc.array(pieces, { minLength: 1, maxLength: 6 }).map((all) => all.join(''))
    const texts = [...vectors.valid.map(([text]) => text), ...vectors.invalid, ...fc.sample(made, 300)]
    const asked = texts.filter((text) => text !== '')
    const answers = await probeAll(asked.map((text) => ({ args: ['--version', `--startup-grace=${text}`] })))
    const accepted = asked.filter((_, i) => answers[i]?.code === 0)
    expect(accepted).toEqual(asked.filter((text) => parseDuration(text) !== undefined))
  })
})

describe('durationNs', () => {
  it.each([
    [0, 0],
    [250, 250_000_000],
    [1.5, 1_500_000],
    [0.000001, 1],
    [0.0000004, 0],
    [31_622_400_000, maxNs],
  ])('takes the number %d for milliseconds', (ms, ns) => {
    expect(durationNs('maxAge', ms)).toBe(ns)
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 31_622_400_001])(
    'refuses the number %d',
    (ms) => {
      expect(() => durationNs('maxAge', ms)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )

  it.each([0, '0', '0s', 0.0000001])('refuses %j where it must be above 0', (duration) => {
    expect(() => durationNs('maxAge', duration, 1)).toThrow(/^maxAge: a duration above 0 /)
  })

  it.each(['5', '250', '1.5'])('says what the text %s lacks', (text) => {
    expect(() => durationNs('budget', text)).toThrow(
      `budget: a duration with its unit: add a unit, for example ${text}ms`,
    )
    expect(durationNs('budget', Number(text))).toBe(Number(text) * 1e6)
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [{}, '[object Object]'],
    [[], ''],
    [true, 'true'],
    [10n, '10'],
    ['5x', '"5x"'],
  ])('refuses %s, and says that it got %s', (duration, shown) => {
    expect(() => durationNs('budget', duration as never)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: expect.stringMatching(/^budget: a duration in milli/),
      }),
    )
    expect(() => durationNs('budget', duration as never)).toThrow(`got ${shown}`)
  })

  it('refuses a symbol and an object without a text as well', () => {
    for (const odd of [Symbol('odd'), Object.create(null)]) {
      expect(() => durationNs('budget', odd as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    }
  })

  it('says the same for milliseconds as for their text', () => {
    fc.assert(
      fc.property(fc.nat(31_622_400_000), (ms) => {
        expect(durationNs('maxAge', ms)).toBe(durationNs('maxAge', `${ms}ms`))
      }),
    )
  })
})
