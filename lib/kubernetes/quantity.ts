/** The API's quantities (`100m`, `1Gi`, `1.5`, `1e3`), of which one amount has many spellings. */

const decimalPowers: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binaryPowers: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }

/** More digits than any amount has; a text of many more would take its time. */
const mostDigits = 100

/** In billionths, the least that the API tells apart, rounded up as there; undefined: it is no quantity. */
export function billionthsOf(quantity: unknown): bigint | undefined {
  if (typeof quantity !== 'string' && typeof quantity !== 'number') return undefined
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([A-Za-z]*|[eE][+-]?\d{1,3})$/.exec(String(quantity))
  const [, sign, whole = '', fraction = '', suffix = ''] = match ?? []
  const digits = whole + fraction
  if (match === null || digits === '' || digits.length > mostDigits) return undefined
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1]
  const isBinary = Object.hasOwn(binaryPowers, suffix)
  if (exponent === undefined && !isBinary && !Object.hasOwn(decimalPowers, suffix)) return undefined
  const power = 9 - fraction.length + (isBinary ? 0 : Number(exponent ?? decimalPowers[suffix]))
  const amount = BigInt(digits) << BigInt(binaryPowers[suffix] ?? 0)
  const scaled = power >= 0 ? amount * 10n ** BigInt(power) : dividedUp(amount, 10n ** BigInt(-power))
  return sign === '-' ? -scaled : scaled
}

function dividedUp(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by
}
