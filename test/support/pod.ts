/** A pod of real containers: wired by our own command line, played by podman, asked as the kubelet would ask. */
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, type Container, type PodSpec, podTemplates } from 'shm-liveness/kubernetes'
import { parse, stringify } from 'yaml'
import { spawnShmLiveness } from './command.js'
import { images, podman, podmanDid, podmanMeanwhile, type Result, sharedFolder } from './podman.js'
import { untilHolds } from './until.js'

/** A container of the sample worker; `script` is what it does. */
export function sampleContainer(name: string, script: string, fields: Partial<Container> = {}): Container {
  // So long that a crowded machine does not make it stall.
  const maxAge = { name: 'SAMPLE_WORKER_MAX_AGE', value: '1s' }
  const env = [{ name: 'SAMPLE_WORKER_SCRIPT', value: script }, maxAge, ...(fields.env ?? [])]
  return { name, image: images.worker, ...fields, env }
}

/** What `shm-liveness wire` makes of a pod of these containers. */
export function wired(containers: Container[], flags: string[] = [], spec: Partial<PodSpec> = {}): PodSpec {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: { ...spec, containers } }
  const done = spawnShmLiveness(['wire', '--image', images.programs, ...flags], stringify(pod))
  if (done.code !== 0) throw new Error(`wire: exit ${done.code}: ${done.stderr}`)
  const [template] = podTemplates(parse(done.stdout))
  if (template === undefined) throw new Error(`wire gave no pod:\n${done.stdout}`)
  return template.spec
}

/**
 * What podman is given of a wired pod. Probes are taken out, because it has systemd run them, and this file asks them
 * itself; the restart policy is Never, because podman 4 restarts init containers by it, too. The record goes to a file
 * that is mounted as the kubelet mounts it.
 */
function playable(spec: PodSpec, records: string): object {
  const containers = spec.containers.map((container) => {
    const { startupProbe, livenessProbe, readinessProbe, ...rest } = container
    const record = { name: `record-${container.name}`, mountPath: '/dev/termination-log' }
    return { ...rest, volumeMounts: [...(rest.volumeMounts ?? []), record] }
  })
  const volumes = containers.map(({ name }) => {
    const path = join(records, String(name))
    return { name: `record-${name}`, hostPath: { path, type: 'File' } }
  })
  const played = { ...spec, restartPolicy: 'Never', containers, volumes: [...(spec.volumes ?? []), ...volumes] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: played }
}

/** A pod that runs, or an error with podman's words. Ended after the test, by {@link useImages}. */
export function play(spec: PodSpec): (name: string) => PodContainer {
  const started = tryPlay(spec)
  if (started.code !== 0) throw new Error(`podman kube play: exit ${started.code}\n${started.stdout}${started.stderr}`)
  return (name) => {
    const container = spec.containers.find((each) => each.name === name)
    if (container === undefined) throw new Error(`the pod has no container ${name}`)
    return new PodContainer(container)
  }
}

export function tryPlay(spec: PodSpec): Result {
  const records = sharedFolder('records')
  for (const { name } of spec.containers) {
    const record = join(records, String(name))
    writeFileSync(record, '')
    chmodSync(record, 0o666) // as the kubelet has it
  }
  return podman(['kube', 'play', '--network', 'none', '-'], stringify(playable(spec, records)))
}

export class PodContainer {
  readonly #container: Container
  readonly #id: string

  constructor(container: Container) {
    this.#container = container
    this.#id = `pod-${container.name}`
  }

  /** Runs the check as the kubelet would: the probe's argv in the container, or its request in the pod's network. */
  async ask(check: Check): Promise<Result> {
    const probe = this.#container[`${check}Probe`]
    if (probe?.exec !== undefined) return podmanMeanwhile(['exec', this.#id, ...probe.exec.command])
    if (probe?.httpGet !== undefined) {
      const answer = this.get(Number(probe.httpGet.port), probe.httpGet.path)
      return answer.code === 0 ? { ...answer, stdout: '' } : answer // as an exec, which prints only failures
    }
    throw new Error(`${this.#container.name} has no ${check} probe`)
  }

  /** What startup, liveness and readiness say, in this order: `pass`, or the verdict that fails the check. */
  async answers(): Promise<string> {
    const checks = ['startup', 'liveness', 'readiness'] as const
    return (await Promise.all(checks.map((check) => this.ask(check)))).map(wordOf).join(' ')
  }

  /** Waits until the checks answer so. */
  async untilAnswers(answers: string): Promise<void> {
    await untilHolds(
      `the checks answer ${answers}`,
      () => this.answers(),
      (given) => given === answers,
    )
  }

  exec(command: string[], env: Record<string, string> = {}): Result {
    return podman(['exec', ...variables(env), this.#id, ...command])
  }

  /** A second process in the container. */
  execInBackground(command: string[], env: Record<string, string> = {}): void {
    podmanDid(['exec', '--detach', ...variables(env), this.#id, ...command])
  }

  /** The answer's body; code 0 for a status that the kubelet takes for success, else 1. */
  get(port: number, path: string): Result {
    const request = `fetch('http://127.0.0.1:${port}${path}').then(async (answer) => {
      process.stdout.write(await answer.text())
      process.exitCode = answer.ok ? 0 : 1
    })`
    const nsenter = ['--target', String(this.state().Pid), '--net', process.execPath, '--eval', request]
    const done = spawnSync('nsenter', nsenter, { encoding: 'utf8', timeout: 20_000 })
    return { code: done.status, stdout: done.stdout, stderr: done.stderr }
  }

  signal(signal: string): void {
    podmanDid(['kill', '--signal', signal, this.#id])
  }

  /** Kills one of its processes, by the pid that it has inside. */
  killProcess(pid: number): void {
    const done = spawnSync('nsenter', ['--target', String(this.state().Pid), '--pid', 'kill', '-KILL', String(pid)])
    if (done.status !== 0) throw new Error(`kill ${pid}: ${done.error ?? done.stderr}`)
  }

  state(): { Status: string; ExitCode: number; Pid: number } {
    return JSON.parse(podmanDid(['inspect', '--format', '{{json .State}}', this.#id]))
  }

  /** How it was made, as podman sees it. */
  host(): { ReadonlyRootfs: boolean } {
    return JSON.parse(podmanDid(['inspect', '--format', '{{json .HostConfig}}', this.#id]))
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number> {
    const state = await untilHolds(
      'the container has ended',
      () => this.state(),
      ({ Status }) => Status === 'exited',
    )
    return state.ExitCode
  }

  /** Starts the container once more in the same pod, as the kubelet would. */
  startAgain(): void {
    podmanDid(['start', this.#id])
  }

  /** The lines of its log, of all its runs. */
  log(): string[] {
    const { stdout, stderr } = podman(['logs', this.#id])
    return `${stdout}${stderr}`.split('\n').filter((line) => line !== '')
  }

  /** What the kubelet would give as its termination message. */
  record(): string {
    return readFileSync(join(sharedFolder('records'), String(this.#container.name)), 'utf8')
  }
}

/** `pass`, or the verdict that was said; all that was said, if it is none. */
function wordOf({ code, stdout, stderr }: Result): string {
  if (code === 0 && stdout === '') return 'pass'
  return /^[a-z-]+(?=: )/.exec(stdout)?.[0] ?? `exit ${code}: ${stdout}${stderr}`
}

function variables(env: Record<string, string>): string[] {
  return Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
}
