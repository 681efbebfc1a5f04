/** The tests of builds on a cluster, against the fake API server: so a failure on a real one is the cluster's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import {
  boots,
  ends,
  FakeKubeApi,
  type GuardRun,
  guardRuns,
  type KubeObject,
  pullFails,
  type Script,
  type StepScript,
  scheduled,
} from '../../fakes/kube-api/index.js'

const root = join(import.meta.dirname, '../../..')
const now = (): number => Date.now()
const classes = ['class-a', 'class-b']

/** A run of test/cluster/builds.test.ts, as `npm run test:cluster -- builds` starts it. */
class ClusterRun {
  output = ''
  readonly kube: FakeKubeApi
  readonly #child: ChildProcess
  readonly #closed: Promise<number | null>
  readonly #controller: NodeJS.Timeout

  private constructor(kube: FakeKubeApi, args: string[]) {
    this.kube = kube
    this.#child = spawn(process.execPath, [join(root, 'scripts/test-cluster.mjs'), 'builds', ...args], {
      cwd: root,
      env: {
        ...pick('PATH', 'BUILD_RUNNER_MAIN'),
        ...{ NO_COLOR: '1', KUBECONFIG: kube.kubeconfig, SHM_LIVENESS_NAMESPACE_PREFIX: 'mine' },
        ...{ SHM_LIVENESS_BUILDS: '3', SHM_LIVENESS_COMPARE_RUNTIME_CLASSES: classes.join(',') },
      },
      detached: true, // a process group of its own, with all the runners in it
    })
    this.#child.stdout?.on('data', (data) => (this.output += data))
    this.#child.stderr?.on('data', (data) => (this.output += data))
    this.#closed = once(this.#child, 'close').then(([code]) => code as number | null)
    this.#controller = setInterval(() => this.#makeServiceAccounts(), 50)
    running.push(this)
  }

  static async start(scenarios: Record<string, Script>, args: string[] = []): Promise<ClusterRun> {
    const kube = await FakeKubeApi.start({ secondMs: 50 })
    for (const name of classes) kube.add('runtimeclasses', { metadata: { name }, handler: name })
    for (const [job, script] of Object.entries(scenarios)) kube.scenario(new RegExp(`^(${job})$`), script)
    return new ClusterRun(kube, args)
  }

  /** Its exit code. */
  ended(): Promise<number | null> {
    return this.#closed
  }

  async remove(): Promise<void> {
    clearInterval(this.#controller)
    try {
      process.kill(-(this.#child.pid as number), 'SIGKILL')
    } catch {} // gone already
    await this.#closed
    await this.kube.stop()
  }

  /** As a cluster's own controller, which takes a moment to do so. */
  #makeServiceAccounts(): void {
    for (const { metadata } of this.kube.list<KubeObject>('namespaces')) {
      const namespace = metadata.name
      if (this.kube.find('serviceaccounts', 'default', namespace) !== undefined) continue
      this.kube.add('serviceaccounts', { metadata: { name: 'default', namespace } })
    }
  }
}

const running: ClusterRun[] = []
afterEach(async () => {
  for (const run of running.splice(0)) await run.remove()
})

function pick(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

/** What a build of three steps does whose second is as given. */
function works(step: StepScript, endsAs: GuardRun['endsAs'] = {}): Script {
  const steps = [{ output: 'shm-probe 0.1.0: self-test passed\n' }, step, { output: 'shm-probe 0.1.0\n' }]
  return [boots({ cached: true }), guardRuns({ steps, endsAs, termMs: 20 })]
}

/** The record of a worker's stall, which the fake's guard does not know of. */
const stalledLoop = JSON.stringify({
  ...{ outcome: 'stalled', exit: 120, verdict: 'stalled', step: { number: 2, of: 3, name: 'work' }, restarts: 0 },
  ...{ line: 'loop last beat 512ms ago (limit 500ms), pid 9 S (sleeping)', time: '2026-11-24T10:15:00Z' },
})

const worker = (...lines: string[]): string => lines.map((line) => `${now()} ${line}\n`).join('')
const claimed = 'claimed by uid 1000, pid 9'

function* withPauses(...pieces: string[]): Generator<string> {
  for (const piece of pieces) yield worker(piece)
}

/** What the builds of test/cluster/support/builds.ts do, in a cluster that is as it should be. */
function asTheyShould(): Record<string, Script> {
  return {
    'preflight-.*': [boots(), ends({ exitCode: 0 })],
    'green-1|many-.*': works({ output: worker(claimed, 'ready', 'stopped') }),
    'failing-1': works({ output: worker(claimed, 'stop 7', 'stopped'), exit: 7 }),
    'silent-1': works({ output: worker('wait 1h'), outcome: 'stalled' }),
    'stalling-1': works({ output: worker(claimed, 'stall'), outcome: 'stalled' }, { message: stalledLoop }),
    'without-image-1': [scheduled(), pullFails()],
    'past-deadline-1': works({ output: worker('wait 1h'), outcome: 'hangs' }),
    'cancelled-1|interrupted-1': works({ output: worker('wait 1h'), outcome: 'hangs' }),
    'outlives-1': [
      boots(),
      guardRuns({ steps: [{}, { output: [...withPauses(claimed, 'ready', 'beat 15s', 'stopped')], everyMs: 200 }] }),
    ],
    // The times of a pod are in whole seconds, and the test asks for one between start and end.
    'compared-.*': works({ output: worker(claimed, 'stopped'), tookMs: 1100 }),
  }
}

it('builds pass where a cluster behaves', async () => {
  const run = await ClusterRun.start(asTheyShould())
  expect(await run.ended(), run.output).toBe(0)
  expect(run.output).toMatch(/Tests +13 passed/)
  // All of the file's tests, each with runners of its own: some 20 processes of node.
}, 600_000)

it('a build that fails is told with all that is needed to see why', async () => {
  const refused = { ...asTheyShould(), 'green-1': [scheduled(), pullFails()] }
  const run = await ClusterRun.start(refused, ['--testNamePattern', 'a build succeeds'])
  expect(await run.ended(), run.output).toBe(1)
  for (const text of [
    'exit status of the runner: expected 3 to be +0',
    '"a build succeeds, and its log is complete" failed. The runners said:',
    'build green failed (image-name)',
    '"kind": "image-name"',
    'Failed to pull image',
    'deleted: mine-builds-',
  ]) {
    expect(run.output).toContain(text)
  }
  expect(run.output).toMatch(/The runners said:.*This is what there was:.*deleted: /s)
}, 600_000)
