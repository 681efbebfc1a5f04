import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { afterTests } from './after-tests.js'

/**
 * An environment that marks every process below a guard. They are killed after the test: a guard that is killed itself
 * cannot end its command's children, and these hold its pipes open.
 */
export const marked: Record<string, string> = { GUARD_TEST: randomBytes(8).toString('hex') }

function isMarked(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`GUARD_TEST=${marked['GUARD_TEST']}`)
  } catch {
    return false // gone, or not ours
  }
}

afterTests(() => {
  // Twice: what is being forked while the list is read is in the next one.
  for (let i = 0; i < 2; i++) {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isMarked(entry))) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {} // gone already
    }
  }
})
