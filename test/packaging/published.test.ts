/** What others' tools say of the tarball: whether its types are those of its code, and its exports what tools expect. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pack, scratchFolder } from '../support/packed.js'
import { prebuildsLimitMs } from '../support/prebuilds.js'

const root = join(import.meta.dirname, '../..')
const { path: scratch, remove } = scratchFolder()
let tarball: string

beforeAll(() => {
  tarball = join(scratch, pack(scratch).filename)
}, prebuildsLimitMs)
afterAll(remove)

it.each([
  ['attw', [], /No problems found/],
  ['publint', ['run', '--strict'], /All good!/],
])('%s finds nothing', (tool, args, words) => {
  const done = spawnSync(join(root, 'node_modules/.bin', tool), [...args, tarball], { cwd: scratch, encoding: 'utf8' })
  expect(done.stdout + done.stderr).toMatch(words)
  expect(done.status).toBe(0)
})
