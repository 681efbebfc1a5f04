/** The pod of a build, as the runner generates it, runs real builds in real containers. */
import { beforeAll, describe, expect, it } from 'vitest'
import { closedByRecord } from '../../examples/kata-build-runner/log/account.js'
import { failureOf, succeeded } from '../../examples/kata-build-runner/watch/diagnose.js'
import { BuildPod, type EndedBuild } from '../support/build-pod.js'
import { useImages, whyNoPodman } from '../support/podman.js'
import { buildShellImage, shellImage } from '../support/shell-image.js'

useImages()
beforeAll(() => {
  if (whyNoPodman === undefined) buildShellImage()
})

const limits = { createdMs: 1e6, queuedMs: 1e6, pullingMs: 1e6, initMs: 1e6, startingMs: 1e6 }

const buildOf = (id: string, steps: object[], more: object = {}): string =>
  JSON.stringify({ id, image: shellImage, steps, ...more })

/** Nothing of the log is missing, and the record of the termination message says the same. */
function expectComplete({ account, record }: EndedBuild): void {
  expect(account).toMatchObject({ lostBytes: 0, gaps: [], isClosed: true, inconsistencies: 0 })
  expect(closedByRecord(account, record)).toMatchObject({ lostBytes: 0 })
}

describe.skipIf(whyNoPodman !== undefined)('a build in real containers', () => {
  it('finds the step that hangs, says so in its log and in its record, and runs none after it', async () => {
    const untilTold = 'echo begun\nwhile [ ! -e hang ]; do echo at work; sleep 0.1; done\nsleep 3600'
    const build = new BuildPod(
      buildOf('hung', [
        { name: 'install', shell: 'echo installed > file\ncat file' },
        { name: 'test', shell: untilTold, silenceBudget: '3s' },
        { name: 'publish', argv: ['/bin/cat', 'file'] },
      ]),
    )
    await build.begun(2)
    await build.container.untilAnswers('pass pass pass')
    build.container.execInBackground(['/bin/sh', '-c', ': > /workspace/hang'])
    const ended = await build.ended()
    expect(ended.exitCode).toBe(120)
    expect(ended.record).toMatchObject({
      ...{ outcome: 'stalled', exit: 120, interim: false, phase: 'test' },
      step: { number: 2, of: 3, name: 'test' },
    })
    expect(ended.steps).toMatchObject([
      { number: 1, name: 'install', outcome: 'exited', exit: 0 },
      { number: 2, name: 'test', outcome: 'stalled', exit: 120 },
    ])
    expect(ended.marks.at(-1)).toMatchObject({ mark: 'final', outcome: 'stalled', exit: 120 })
    expect(ended.output).toMatch(/^installed\nbegun\n(at work\n)*$/)
    expectComplete(ended)
    const failure = failureOf(ended.observed, limits)
    expect(failure).toMatchObject({ kind: 'stalled', started: true, retry: false })
    expect(failure?.summary).toContain('"test"')
    expect(succeeded(ended.observed)).toBe(false)
  })

  it('finds a worker that stalls in its step, by the heartbeat that it declared', async () => {
    const worker = 'SAMPLE_WORKER_SCRIPT=ready,beat:300ms,stall exec /sample-worker'
    const ended = await new BuildPod(
      buildOf('worker-hung', [{ name: 'soak', shell: worker, silenceBudget: '1h' }]),
    ).ended()
    expect(ended.exitCode).toBe(120)
    expect(ended.record).toMatchObject({ outcome: 'stalled', step: { number: 1, of: 1, name: 'soak' } })
    expect(ended.record?.line).toMatch(/loop last beat .* \(limit 250ms\)/)
    expectComplete(ended)
  })

  it('succeeds, by argv and by shell, with its variables and its workspace, without any right', async () => {
    const calm = 'SAMPLE_WORKER_MAX_AGE=10s SAMPLE_WORKER_SCRIPT=ready,beat:300ms,stop:0'
    const build = new BuildPod(
      buildOf(
        'green',
        [
          { name: 'install', shell: 'test -w .\necho "$HOME $GREETING $TOKEN" > file' },
          { name: 'show', argv: ['/bin/cat', 'file', '/proc/self/status'] },
          { name: 'soak', shell: `${calm} /sample-worker\nprintf "no line end"` },
        ],
        { environment: { GREETING: '$(HOME) $$ ä' }, secretEnvironment: ['TOKEN'] },
      ),
      { TOKEN: 'secret-1' },
    )
    const ended = await build.ended()
    expect([ended.exitCode, ended.output]).toEqual([0, expect.stringContaining('/workspace $(HOME) $$ ä secret-1\n')])
    expect(ended.record).toMatchObject({ outcome: 'exited', exit: 0, step: { number: 3, of: 3, name: 'soak' } })
    expect(ended.steps.map(({ name, outcome, exit }) => `${name} ${outcome} ${exit}`)).toEqual([
      'install exited 0',
      'show exited 0',
      'soak exited 0',
    ])
    expect(ended.output).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(ended.output).toMatch(/^CapBnd:\t0+$/m)
    expect(ended.output).toMatch(/^NoNewPrivs:\t1$/m)
    expectComplete(ended)
    expect(succeeded(ended.observed)).toBe(true)
    expect(failureOf(ended.observed, limits)).toBeUndefined()
  })

  it('ends at the step that fails, with its status', async () => {
    const ended = await new BuildPod(
      buildOf('red', [
        { name: 'lint', argv: ['/shm-liveness/shm-probe', '--self-test'] },
        { name: 'test', shell: 'echo "1 failed"\nexit 7' },
        { name: 'publish', argv: ['/bin/cat'] },
      ]),
    ).ended()
    expect(ended.exitCode).toBe(7)
    expect(ended.record).toMatchObject({ outcome: 'exited', exit: 7, step: { number: 2, of: 3, name: 'test' } })
    expect(ended.steps).toHaveLength(2)
    expectComplete(ended)
    expect(failureOf(ended.observed, limits)).toMatchObject({ kind: 'step-failed', started: true, retry: false })
  })
})

describe.skipIf(whyNoPodman !== undefined)('the log of a build in real containers', () => {
  const lines = 20_000
  const shell = `i=0\nwhile [ $i -lt ${lines} ]; do echo "line $i of some length, so that it is a real log"; i=$((i+1)); done`
  const talks = buildOf('talks', [{ name: 'talks', shell }])
  const all = Array.from({ length: lines }, (_, i) => `line ${i} of some length, so that it is a real log\n`).join('')

  it('is read to its last byte, each once, although the connection breaks within a line', async () => {
    const ended = await new BuildPod(talks, {}, { breaksAfterBytes: 500_001 }).ended()
    expect(ended.output === all).toBe(true)
    expect(ended.account).toMatchObject({ reconnects: 1 })
    expect(ended.account.repeatedBytes).toBeGreaterThan(0)
    expectComplete(ended)
  })

  it('misses what the node lost, to the byte', async () => {
    const ended = await new BuildPod(talks, {}, { loses: 'line 777 of' }).ended()
    const bytes = 'line 777 of some length, so that it is a real log\n'.length
    expect(ended.account).toMatchObject({ lostBytes: bytes, gaps: [{ bytes }], isClosed: true })
  })
})
