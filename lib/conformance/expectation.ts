/** A value of the region: a word, or a text up to its first NUL. */
export type Value = bigint | string

/** What a field must hold: this very value, or one of which something is true. */
export type Expectation = Value | Rule

export interface Rule {
  /** As it stands behind "expected": `between 3 and 5`. */
  says: string
  holds(found: Value): boolean
}

export function between(low: bigint, high: bigint): Rule {
  return {
    says: `between ${low} and ${high}`,
    holds: (found) => typeof found === 'bigint' && found >= low && found <= high,
  }
}

export const notZero: Rule = { says: 'not 0', holds: (found) => found !== 0n }

/** A sequence count that nobody writes under. */
export const even: Rule = { says: 'an even number', holds: (found) => typeof found === 'bigint' && found % 2n === 0n }

export function evenAbove(before: bigint): Rule {
  return {
    says: `an even number above ${before}`,
    holds: (found) => typeof found === 'bigint' && found % 2n === 0n && found > before,
  }
}

/** A value that nothing is said about. */
export const anything: Rule = { says: 'anything', holds: () => true }

export function meets(found: Value, expected: Expectation): boolean {
  return typeof expected === 'object' ? expected.holds(found) : found === expected
}

export function sayExpected(expected: Expectation): string {
  return typeof expected === 'object' ? expected.says : sayValue(expected)
}

export function sayValue(value: Value): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
