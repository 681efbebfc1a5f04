import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { jobManifest } from '../../../examples/kata-build-runner/launch/job.js'
import { stepsPath } from '../../../examples/kata-build-runner/launch/names.js'
import { secretManifest } from '../../../examples/kata-build-runner/launch/secret.js'
import { type GuardResult, guard, startGuard } from '../../support/guard.js'
import { probe } from '../../support/probe.js'
import { uniqueRegion } from '../../support/region.js'
import { read, told } from '../../support/steps.js'
import { untilHolds } from '../../support/until.js'
import { build, sampleOf } from '../config/samples.js'
import { containerOf, inputOf } from './inputs.js'

const scratch = mkdtempSync(join(tmpdir(), 'build-runner-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Wired {
  args: string[]
  env: Record<string, string>
  /** The commands of the probes, without the program. */
  probes: Record<'startup' | 'liveness' | 'readiness', string[]>
}

let builds = 0
/** What the kubelet would make of a build's Job and Secret, in a folder and a region of the test's own. */
function wired(steps: object[]): Wired {
  const file = build('', stringify({ id: 'b1', image: 'node:20', steps }))
  const input = { ...inputOf(), build: file }
  const job = containerOf(jobManifest(input))
  const folder = join(scratch, `${++builds}`)
  // As the kubelet's atomic writer lays it out: links to the newest of several folders.
  mkdirSync(join(folder, '..2026'), { recursive: true })
  const text = Buffer.from(secretManifest(input).data?.['steps.json'] ?? '', 'base64')
  writeFileSync(join(folder, '..2026/steps.json'), text, { mode: 0o440 })
  symlinkSync('..2026', join(folder, '..data'))
  symlinkSync('..data/steps.json', join(folder, 'steps.json'))
  const env = Object.fromEntries((job.env ?? []).map(({ name, value = '' }) => [name, value]))
  const argsOf = (command: string[] | undefined): string[] =>
    (command ?? []).slice(1).filter((argument) => argument !== '--termination-log')
  return {
    args: argsOf(job.command).map((argument) => (argument === stepsPath ? join(folder, 'steps.json') : argument)),
    env: { ...env, SHM_LIVENESS_REGION: uniqueRegion(), HOME: scratch },
    probes: {
      startup: argsOf(job.startupProbe?.exec?.command),
      liveness: argsOf(job.livenessProbe?.exec?.command),
      readiness: argsOf(job.readinessProbe?.exec?.command),
    },
  }
}

function run(steps: object[]): Promise<GuardResult> {
  const { args, env } = wired(steps)
  return guard(args, { env })
}

const marksOf = ({ stdout }: GuardResult) => read(Buffer.from(stdout)).marks

describe(`the real guard (${guardPath().split('/').at(-1)})`, () => {
  it('runs the steps of a build, by argv and by shell, with its variables', async () => {
    const result = await run([
      { name: 'argv', argv: ['printf', '%s', '$(not) "expanded" ä'] },
      { name: 'shell', shell: 'echo "$HOME"\ntest -n "$HOME"\n', silenceBudget: '1m30s', timeLimit: '5m' },
      { name: 'last of three: ✓', argv: ['true'] },
    ])
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(told(marksOf(result))).toEqual(
      expect.arrayContaining(['begin 1', 'end 1 exited 0', 'end 2 exited 0', 'begin 3', 'end 3 exited 0']),
    )
    expect(marksOf(result).find(({ mark, step }) => mark === 'begin' && step === 2)).toMatchObject({
      name: 'shell',
      silenceBudgetNs: 90e9,
      timeLimitNs: 300e9,
    })
    expect(result.stdout).toContain('$(not) "expanded" ä')
    expect(result.stdout).toContain(`##[shm-guard nonce-1] `)
  })

  it('runs the sample build, in an empty workspace', async () => {
    const workspace = mkdtempSync(join(scratch, 'workspace-'))
    const { args, env } = wired(build('', sampleOf('build.yaml')).steps)
    const result = await guard(args, { env: { ...env, HOME: workspace }, wrapper: ['env', '-C', workspace] })
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(told(marksOf(result))).toContain('end 3 exited 0')
    expect(result.stdout).toMatch(/pass 1\b/)
  })

  it('ends at the step that fails, with its status', async () => {
    const result = await run([
      { name: 'one', shell: 'exit 7' },
      { name: 'two', argv: ['true'] },
    ])
    expect(result.code).toBe(7)
    expect(told(marksOf(result))).not.toContain('begin 2')
  })

  it('finds the step that hangs', async () => {
    const result = await run([
      { name: 'quick', argv: ['true'] },
      { name: 'hangs', argv: ['sleep', '60'], silenceBudget: '1s' },
    ])
    expect(result.code).toBe(120)
    expect(marksOf(result).find(({ mark, outcome }) => mark === 'end' && outcome === 'stalled')).toMatchObject({
      step: 2,
    })
  })

  it('passes all three probes while a step runs', async () => {
    const { args, env, probes } = wired([{ name: 'waits', argv: ['sleep', '60'] }])
    const program = startGuard(args, env)
    for (const command of Object.values(probes)) {
      expect(command[0]).toBe('--check')
      const ask = () => probe(command, { env })
      const { stderr } = await untilHolds(`it passes ${command.join(' ')}`, ask, ({ code }) => code === 0)
      expect([command, stderr]).toEqual([command, ''])
    }
    program.kill('SIGTERM')
  })
})

describe('what a build file may say', () => {
  const fails = { name: 'fails', argv: ['false'] }
  /** The guard reads the whole list before it starts the first step, which ends it here. */
  const isTaken = async (steps: object[]): Promise<void> => {
    const result = await run([fails, ...steps])
    expect([result.code, result.stderr]).toEqual([1, ''])
    expect(marksOf(result)[0]).toMatchObject({ mark: 'begin', step: 1, of: steps.length + 1 })
  }

  it('is taken by the guard: the most steps, words and bytes', async () => {
    await isTaken(Array.from({ length: 255 }, (_, index) => ({ name: `${index}`, argv: ['a'] })))
    await isTaken([{ name: 'x'.repeat(63), argv: Array(1024).fill('').with(0, 'a') }])
    await isTaken(Array.from({ length: 60 }, () => ({ name: 'a', argv: Array(1000).fill('').with(0, 'a') })))
    await isTaken([{ name: 'a', shell: '"'.repeat(130_000) }])
    await isTaken([
      { name: 'a', shell: 'x'.repeat(131_000) },
      { name: 'b', shell: 'x'.repeat(131_000) },
    ])
  })

  it('is run by Linux: the longest word', async () => {
    const result = await run([{ name: 'longest', shell: `echo ran #${'x'.repeat(131_071 - 10)}` }])
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(() => wired([{ name: 'too long', shell: `echo ran #${'x'.repeat(131_072 - 10)}` }])).toThrow('131071 bytes')
  })

  it('is taken by the guard, whatever text is in it', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((value) => !value.includes('\0'))
    const name = text.filter((value) => !/\p{Cc}/u.test(value) && Buffer.byteLength(value) <= 63)
    const time = fc.constantFrom('1s', '1.5s', '5m', '1h2m3s', '24h')
    const step = fc.oneof(
      fc.record(
        { name, argv: fc.array(text, { minLength: 1, maxLength: 5 }), silenceBudget: time },
        { requiredKeys: ['name', 'argv'] },
      ),
      fc.record(
        { name, shell: text.filter((line) => line.trim() !== ''), timeLimit: time },
        { requiredKeys: ['name', 'shell'] },
      ),
    )
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), isTaken), { numRuns: 60 })
  })
})
