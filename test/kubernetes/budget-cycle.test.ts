import { type BudgetOptions, detectionBudget } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'

/** Settings of the tests' own, whatever the defaults are. */
const readiness = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2 }
const everySecondTwice = { maxAge: '250ms', liveness: readiness, readiness }

describe('a cycle', () => {
  it('lengthens the confirmation that a probe makes', () => {
    const typical = (options: Partial<BudgetOptions>) =>
      detectionBudget({ ...everySecondTwice, maxAge: '2s', ...options })[0]!.typicalSeconds
    expect(typical({ cycle: '900ms' }) - typical({})).toBeCloseTo(0.6, 3)
  })

  it.each<[string, Partial<BudgetOptions>, RegExp]>([
    ['as long as max age', { maxAge: '1s', cycle: '1s' }, /less than max age \(1 s\)/],
    ['longer than a probe waits', { maxAge: '5s', cycle: '1.9s' }, /at most 1\.8 s .* Set timeoutSeconds to 3 or more/],
  ])('%s is refused', (_, options, message) => {
    expect(() => detectionBudget({ ...everySecondTwice, ...options })).toThrow(message)
  })
})
