import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterTests } from './after-tests.js'

const library = new URL('../../dist/index.js', import.meta.url).href

/**
 * A folder of small scripts, for tests that need to know each line of them; removed after the test. A `claim.mjs` beside
 * them gives `claim(name)`: a worker of max age 250 ms in the region that the environment names, which has beaten once.
 */
export function scriptFolder(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'shm-'))
  afterTests(() => rmSync(folder, { recursive: true, force: true }))
  const claim = `import { Heartbeat } from '${library}'
export function claim(name, options) {
  const heartbeat = Heartbeat.claim({ name, maxAge: '250ms', stacks: true, ...options })
  heartbeat.beat()
  return heartbeat
}
`
  for (const [name, text] of Object.entries({ 'claim.mjs': claim, ...files })) writeFileSync(join(folder, name), text)
  return folder
}
