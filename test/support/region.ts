import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterTests } from './after-tests.js'

const made = new Set<string>()

/** A region name that nobody else uses; what is at it in /dev/shm is removed after the test. */
export function uniqueRegion(): string {
  const name = `test-${process.pid}-${randomBytes(6).toString('hex')}`
  made.add(name)
  return name
}

export function pathOf(region: string): string {
  return join('/dev/shm', region)
}

afterTests(() => {
  if (made.size === 0) return
  // The region itself, and files beside it: `.NAME.`, then more.
  const isOurs = (entry: string) => made.has(entry) || made.has(/^\.([^.]+)\./.exec(entry)?.[1] ?? '')
  for (const entry of readdirSync('/dev/shm').filter(isOurs)) {
    rmSync(join('/dev/shm', entry), { recursive: true, force: true })
  }
  made.clear()
})
