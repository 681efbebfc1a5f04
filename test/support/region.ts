import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterTests } from './after-tests.js'

const made: string[] = []

/** A region name that nobody else uses; what is at it in /dev/shm is removed after the test. */
export function uniqueRegion(): string {
  const name = `test-${process.pid}-${randomBytes(6).toString('hex')}`
  made.push(name)
  return name
}

export function pathOf(region: string): string {
  return join('/dev/shm', region)
}

afterTests(() => {
  for (const name of made.splice(0)) {
    const left = readdirSync('/dev/shm').filter((entry) => entry === name || entry.startsWith(`.${name}.`))
    for (const entry of left) rmSync(join('/dev/shm', entry), { recursive: true, force: true })
  }
})
