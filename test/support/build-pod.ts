/** A build's pod, as the runner makes it, in real containers: what podman cannot do of it is done here as the kubelet does. */
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { V1Container, V1Job, V1Pod, V1Secret, V1Volume } from '@kubernetes/client-node'
import type { PodSpec } from 'shm-liveness/kubernetes'
import { readBuildFile } from '../../examples/kata-build-runner/config/build-file.js'
import { readExecutorConfig } from '../../examples/kata-build-runner/config/executor-config.js'
import { Steps } from '../../examples/kata-build-runner/follow/steps.js'
import { jobManifest } from '../../examples/kata-build-runner/launch/job.js'
import { buildContainer } from '../../examples/kata-build-runner/launch/names.js'
import { secretManifest } from '../../examples/kata-build-runner/launch/secret.js'
import type { LogAccount } from '../../examples/kata-build-runner/log/account.js'
import { followLog } from '../../examples/kata-build-runner/log/follow.js'
import type { Mark } from '../../examples/kata-build-runner/log/marks.js'
import { LogReader } from '../../examples/kata-build-runner/log/reader.js'
import { type GuardRecord, parseRecord } from '../../examples/kata-build-runner/model/record.js'
import type { StepResult } from '../../examples/kata-build-runner/model/result.js'
import { route } from '../../examples/kata-build-runner/routing/route.js'
import type { Observed } from '../../examples/kata-build-runner/watch/observed.js'
import { CriLog, type CriLogFaults } from './cri-log.js'
import { type PodContainer, play } from './pod.js'
import { images, podmanDid, sharedFolder } from './podman.js'
import { until } from './until.js'

const nonce = 'nonce-1'

/** What is left of a build once its container has ended. */
export interface EndedBuild {
  exitCode: number
  output: string
  marks: Mark[]
  steps: StepResult[]
  account: LogAccount
  record: GuardRecord | undefined
  /** What the runner would know of it. */
  observed: Observed
}

export class BuildPod {
  output = ''
  readonly marks: Mark[] = []
  readonly container: PodContainer
  readonly #job: V1Job
  readonly #account: Promise<LogAccount>
  #hasEnded = false

  /**
   * Launches a build, and follows its log from the file that the container engine writes.
   *
   * @param yaml of the build file
   * @param faults of the API server on the log's way
   */
  constructor(yaml: string, secretValues: Record<string, string> = {}, faults: CriLogFaults = {}) {
    const build = readBuildFile(yaml, 'build.yaml')
    const input = { ...{ build, attempt: 1, namespace: 'builds', nonce, secretValues }, route: routeOf(yaml) }
    this.#job = jobManifest(input)
    podmanDid(['volume', 'rm', '--all', '--force']) // podman keeps an emptyDir by its name, for the next pod
    this.container = play(playable(this.#job, secretManifest(input)))(buildContainer)
    const path = podmanDid(['inspect', '--format', '{{.HostConfig.LogConfig.Path}}', `pod-${buildContainer}`]).trim()
    const log = new CriLog(path, () => this.#isOver(), faults)
    this.#account = followLog(log, {
      ...{ pod: 'pod', container: buildContainer, reader: new LogReader(nonce), signal: new AbortController().signal },
      ...{ isEnded: () => this.#isOver(), isGone: () => false },
      onOutput: (bytes) => {
        this.output += Buffer.from(bytes).toString()
      },
      onMark: (mark) => this.marks.push(mark),
      timing: { firstRetryMs: 10 },
    })
  }

  /** Waits until the log says that a step began. */
  async begun(step: number): Promise<void> {
    const hasBegun = () => this.marks.some((mark) => mark.mark === 'begin' && mark.step === step)
    await until(`step ${step} has begun`, hasBegun).catch((error) => {
      throw new Error(`${error.message}. The container's log:\n${this.container.log().join('\n')}`)
    })
  }

  async ended(): Promise<EndedBuild> {
    const exitCode = await this.container.ended()
    const account = await this.#account
    const steps = new Steps()
    for (const mark of this.marks) steps.hear(mark)
    const message = this.container.record()
    return {
      ...{ exitCode, account, output: this.output, marks: this.marks, steps: steps.results },
      ...{ record: parseRecord(message), observed: observedOf(this.#job, exitCode, message) },
    }
  }

  #isOver(): boolean {
    this.#hasEnded ||= this.container.state().Status === 'exited'
    return this.#hasEnded
  }
}

function routeOf(yaml: string): ReturnType<typeof route> {
  const [launchImage, launchVersion] = images.programs.split(/:(?=[^:]*$)/)
  const options = { launchImage, launchVersion, kubernetes: { resources: small } }
  return route(
    readBuildFile(yaml, 'build.yaml'),
    readExecutorConfig(JSON.stringify({ executor: { podman: { options } } }), 'executor.yaml'),
  )
}

const small = { cpu: { low: 1 }, memory: { low: 0.25 }, disk: { low: 0.25 } }

/**
 * The pod template of the Job, but for what podman 4 cannot do: a Secret's volume (it writes the base64 of all keys, and
 * crashes where `optional` is not set) becomes a folder as the kubelet lays it out; variables from a Secret become their
 * values; of other values the kubelet's `$$` becomes `$`. There is no fsGroup either, but podman gives a new emptyDir to
 * the container's user.
 */
function playable(job: V1Job, secret: V1Secret): PodSpec {
  const spec = job.spec!.template.spec!
  const secretOf = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64')
  const filled = (container: V1Container): V1Container => ({
    ...container,
    env: (container.env ?? []).map(({ name, value, valueFrom }) => {
      const key = valueFrom?.secretKeyRef?.key
      return { name, value: key === undefined ? literal(value) : secretOf(key).toString() }
    }),
  })
  const mounted = (volume: V1Volume): V1Volume => {
    if (volume.secret === undefined) return volume
    const { items = [], defaultMode = 0o644 } = volume.secret
    const files = items.map(({ key, path }) => ({ path, bytes: secretOf(key) }))
    const path = secretFolder(files, defaultMode, spec.securityContext?.fsGroup ?? 0)
    return { name: volume.name, hostPath: { path, type: 'Directory' } }
  }
  return {
    ...spec,
    containers: spec.containers.map(filled),
    volumes: (spec.volumes ?? []).map(mounted),
  } as PodSpec
}

/** The kubelet's `expansion.Expand`, as far as values of a build have anything to expand. */
function literal(value = ''): string {
  return value.replaceAll('$$', '$')
}

/** As the kubelet's atomic writer lays it out: links to the newest of several folders; its files are the group's. */
function secretFolder(files: { path: string; bytes: Buffer }[], mode: number, group: number): string {
  const folder = sharedFolder('secret')
  rmSync(folder, { recursive: true, force: true })
  const newest = join(folder, '..2026')
  mkdirSync(newest, { recursive: true })
  for (const each of [folder, newest]) chmodSync(each, 0o755)
  symlinkSync('..2026', join(folder, '..data'))
  for (const { path, bytes } of files) {
    writeFileSync(join(newest, path), bytes)
    chownSync(join(newest, path), 0, group)
    chmodSync(join(newest, path), mode)
    symlinkSync(join('..data', path), join(folder, path))
  }
  return folder
}

/** As the API server would show the pod. */
function observedOf(job: V1Job, exitCode: number, message: string): Observed {
  const at = new Date()
  const terminated = {
    exitCode,
    message,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: at,
    finishedAt: at,
  }
  const status = { name: buildContainer, image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } }
  const pod: V1Pod = {
    metadata: { name: 'pod' },
    spec: { ...job.spec!.template.spec!, nodeName: 'here' },
    status: { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [status] },
  }
  return { job, pod, events: [], now: at, heardMs: 0, since: {}, cancelled: false }
}
