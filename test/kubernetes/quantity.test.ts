import { describe, expect, it } from 'vitest'
import { billionthsOf } from '../../lib/kubernetes/quantity.js'

describe('a quantity', () => {
  it.each<[string | number, ...(string | number)[]]>([
    [1, '1', '1000m', '1.', '+1', '0.001k', '1e0', '1000000u', '01'],
    ['1Gi', '1024Mi', 1073741824, '1048576Ki', '1073741824000m'],
    ['1E', '1e18', '1000P', '1E18'],
    ['.5', 0.5, '500m', '5e-1'],
    ['0.1n', '1n', '0.0000000001'],
    [0, '0', '0Gi', '-0'],
    ['-1', '-1000m'],
  ])('%s has other spellings', (quantity, ...same) => {
    const amount = billionthsOf(quantity)
    expect(amount).toBeTypeOf('bigint')
    expect(same.map(billionthsOf)).toEqual(same.map(() => amount))
  })

  it('is exact beyond what a number holds', () => {
    expect(billionthsOf('9007199254740993')).toBe(9007199254740993n * 10n ** 9n)
    expect(billionthsOf('1000m')).not.toBe(billionthsOf('1001m'))
  })

  it.each(['', '.', 'm', 'one', '1 Gi', '1gi', '1K', '1e', '1e1234', '9'.repeat(101), null, undefined, true, {}, NaN])(
    'is not: %j',
    (text) => {
      expect(billionthsOf(text)).toBeUndefined()
    },
  )
})
