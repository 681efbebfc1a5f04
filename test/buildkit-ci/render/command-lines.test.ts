/** A value of ci.yaml is refused with its line, or taken by the command that it is rendered for. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { manifestsOf } from '../../../examples/buildkit-ci/render/manifests.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'
import { take } from '../cli/call.js'
import { configOf } from '../config/samples.js'
import { commandLinesOf } from './command-lines.js'

const duration = fc.constantFrom('0s', '1ms', '1s', '5s', '10s', '1m', '1m30s', '1.5h', '1h', '24h', '576h', '577h')
const longer = fc.constantFrom('168h', '744h', '8784h')
const steps = fc.constantFrom('RUN npm ci*', '*', '[build 4/9] RUN x', '-x', 'RUN a\nb', 'RUN a=b', ' ', 'RUN ümlaut')
const host = fc.constantFrom(
  'gcr.io',
  'gcr.io:443',
  'gcr.io:99999',
  '1.2.3.4.5',
  'a..b',
  'xn--a',
  '--help',
  'docker.io',
)
const policy = { rules: [{ name: 'old', tags: ['*'], olderThan: '1m' }] }

const budget = fc.record({ toldAfter: duration, endedAfter: fc.oneof(duration, longer, fc.constant('never')) })
const risky = fc.record({
  daemon: fc.record({
    drainTimeout: duration,
    budgets: fc.record({
      ...{ toldAfter: duration, endedAfter: fc.oneof(duration, longer), apiAnswer: duration },
      steps: fc.array(
        fc.tuple(steps, budget).map(([step, each]) => ({ step, ...each })),
        { maxLength: 2 },
      ),
    }),
  }),
  localRegistry: fc.record({ kind: fc.constant('distribution'), collectEvery: fc.oneof(duration, longer) }),
  cleanup: fc.record({
    registries: host.map((registry) => [{ registry, policy }]),
    requestsPerSecond: fc.constantFrom(0, 1, 0.5, 1000, 1001),
  }),
  agents: fc.record({
    app: fc.record({
      command: fc.constantFrom(['x'], ['--help'], ['-x', '--daemon', '']),
      repository: fc.constantFrom('team/app', '-x', '--help', 'a b'),
      beatMaxAge: duration,
    }),
  }),
})

/** Each key by itself, so that one that is refused hides no other. */
const parts = risky.chain((values) => fc.constantFrom(...piecesOf(values)))

function piecesOf({ daemon, ...others }: { daemon: { budgets: object; drainTimeout: string } } & object): object[] {
  const { budgets, drainTimeout } = daemon
  const ofBudgets = [budgets, ...Object.entries(budgets).map(([key, value]) => ({ [key]: value }))]
  return [
    ...ofBudgets.map((each) => ({ daemon: { budgets: each } })),
    { daemon: { drainTimeout } },
    ...Object.entries(others).map(([key, value]) => ({ [key]: value })),
  ]
}

function isRefused(config: object): boolean {
  try {
    configOf(config)
    return false
  } catch (error) {
    if (error instanceof RunnerError) return true
    throw error
  }
}

describe('a value of ci.yaml', () => {
  it('that is not refused is taken by the command', () => {
    let taken = 0
    fc.assert(
      fc.property(parts, (config) => {
        if (isRefused(config)) return
        for (const { args } of commandLinesOf(manifestsOf(configOf(config)))) take(args)
        taken++
      }),
      { numRuns: Number(process.env['CONFIGS'] ?? 150) },
    )
    expect(taken).toBeGreaterThan(0)
  })
})
