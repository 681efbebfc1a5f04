import { afterEach, beforeEach } from 'vitest'

/**
 * Cleans up after each test of the file. Where tests run side by side (`describe.concurrent`), after the last of them:
 * what a support file has made is not marked with the test that it was made for.
 */
export function afterTests(clean: () => unknown): void {
  let running = 0
  beforeEach(() => {
    running++
  })
  afterEach(async () => {
    running--
    if (running === 0) await clean()
  })
}
