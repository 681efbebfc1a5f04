import type { BuildResult } from '../../../examples/kata-build-runner/model/result.js'

export function result(more: Partial<BuildResult> = {}): BuildResult {
  return {
    version: 1,
    build: 'web',
    attempt: 1,
    job: 'web-1',
    namespace: 'builds',
    executor: 'k8s',
    runtimeClass: 'kata',
    image: 'node:12',
    outcome: 'succeeded',
    steps: [{ number: 1, name: 'wait', outcome: 'exited', exit: 0, durationMs: 60_000 }],
    times: { created: '2026-11-24T10:00:00.000Z' },
    setUpMs: 28_000,
    overallMs: 92_000,
    imageCached: true,
    log: { bytes: 0, lostBytes: 0, gaps: [], moreGaps: { count: 0, bytes: 0 }, reconnects: 0, isComplete: true },
    attempts: [],
    exitCode: 0,
    ...more,
  }
}
