import { spawnSync } from 'node:child_process'

/**
 * Why tests that run these programs are to be skipped, which is said loudly: a test that did not run has proved nothing.
 * Undefined, if all are there.
 *
 * @param packages the Debian package of each program
 */
export function whyNotWith(what: string, packages: Readonly<Record<string, string>>): string | undefined {
  const missing = Object.keys(packages).filter((program) => spawnSync(program, ['--version']).error !== undefined)
  if (missing.length === 0) return undefined
  const names = missing.map((program) => packages[program]).join(' ')
  const why = `no ${missing.join(', ')} (Debian: apt-get install ${names})`
  console.error(`\nSKIPPED the tests of ${what}: ${why}\n`)
  return why
}
