import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { python, pythonEnv } from '../support/languages.js'

it("passes Python's own tests", () => {
  const args = ['-m', 'unittest', 'discover', '-s', join(import.meta.dirname, '../../python/tests')]
  const { status, stderr } = spawnSync(python, args, { env: { ...process.env, ...pythonEnv }, encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  expect(stderr).toMatch(/Ran \d{2,} tests/)
})
