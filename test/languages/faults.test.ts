import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { scenarios } from '../../lib/conformance/run.js'
import { python, pythonEnv } from '../support/languages.js'

const root = join(import.meta.dirname, '../..')
const cli = join(root, 'dist/cli/main.js')
const wrong = [python, '-S', join(root, 'test/fixtures/wrong_worker.py')] as const
const env = { ...process.env, ...pythonEnv }
const faults = execFileSync(wrong[0], [...wrong.slice(1), '--list'], { env, encoding: 'utf8' })
  .trim()
  .split('\n')

function conformance(args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [cli, 'conformance', ...args], { env, encoding: 'utf8' })
}

describe('conformance', () => {
  // Named "SCENARIO: the fault": that scenario must find it.
  it.each(faults)('finds a worker with this fault: %s', (fault) => {
    const [scenario = ''] = fault.split(':')
    const { status, stdout } = conformance(['--only', scenario, '--', ...wrong, fault])
    expect(stdout).toMatch(/^failed /)
    expect(status).toBe(1)
  })

  it('has a fault for each scenario but those that depend on chance or on two workers', () => {
    const found = new Set(faults.map((fault) => fault.split(':')[0]))
    const without = scenarios.map(({ name }) => name).filter((name) => !found.has(name))
    expect(without).toEqual(['stall', 'race', 'stranger', 'beside'])
  })

  it('refuses a worker that does not start, and scenarios that it does not know', () => {
    const absent = conformance(['--', '/no/such/worker'])
    expect(absent.stderr).toMatch(/cannot start|ended instead of answering "features"/)
    expect(absent.status).toBe(3)
    const chatty = conformance(['--', 'sh', '-c', 'echo hello; cat'])
    expect(chatty.stderr).toContain('"features" was answered by "hello", expected "ok" or "error CODE"')
    expect(chatty.status).toBe(3)
    const unknown = conformance(['--only', 'everything', '--', 'true'])
    expect(unknown.stderr).toContain('--only "everything" is not a scenario. Use: make, beat')
    expect(unknown.status).toBe(2)
  })

  it('is documented, scenario by scenario', () => {
    const page = readFileSync(join(root, 'docs/conformance.md'), 'utf8')
    const rows = [...page.matchAll(/^\| `([\w-]+)` \| (.+) \|$/gm)].map(([, name, proves]) => `${name}: ${proves}`)
    for (const { name, proves } of scenarios) expect(rows).toContain(`${name}: ${proves}`)
  })
})
