import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { type Project, runsToEnd, type Service } from '../project.js'
import { createContainer, createPod, type Given, hostsOf, namesOf, type PodmanOptions } from './commands.js'
import type { Podman } from './podman.js'
import { untilReady } from './ready.js'
import { stateOf } from './state.js'

export interface RunOptions extends PodmanOptions {
  /** Of the tests. */
  stdout: Writable
  /** Of the tests, and a line for each line of a service. */
  stderr: Writable
  say: (text: string) => void
  /** Aborted at Ctrl-C: everything is ended and removed. */
  signal: AbortSignal
}

/** How long services get to end after their stop signal. */
const stopSeconds = 10
const removeTries = 3
const pollMs = 50

interface Launched {
  /** Settles with its last line. */
  ended: Promise<void>
}

/**
 * Runs the tests of a project beside their services, in one pod, and removes everything, also after a failure.
 *
 * @returns the exit status of the tests
 * @throws RunnerError, if they could not be run
 */
export async function runProject(podman: Podman, project: Project, options: RunOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'buildkit-ci-compose-'))
  const names = {
    ...namesOf(project, randomBytes(4).toString('hex')),
    hosts: join(folder, 'hosts'),
    variables: (service: string) => join(folder, `${service}.env`),
  }
  const run = new PodRun(podman, project, names, options)
  try {
    await writeFile(names.hosts, hostsOf(project))
    await podman.run(createPod(names, options))
    for (const volume of project.volumes) await podman.run(['volume', 'create', names.volume(volume)])
    return await run.toEnd()
  } finally {
    await run.remove()
    await rm(folder, { recursive: true, force: true })
  }
}

class PodRun {
  readonly #podman: Podman
  readonly #project: Project
  readonly #names: Given
  readonly #options: RunOptions
  readonly #logs: Promise<void>[] = []
  /** Settles when podman has started it. */
  readonly #starting = new Map<string, Promise<Launched>>()
  #isOver = false

  constructor(podman: Podman, project: Project, names: Given, options: RunOptions) {
    this.#podman = podman
    this.#project = project
    this.#names = names
    this.#options = options
  }

  async toEnd(): Promise<number> {
    const { services, tests } = this.#project
    const ready = new Map<string, Promise<void>>()
    for (const service of services) {
      for (const { service: other, condition } of service.dependsOn) {
        if (condition !== 'service_started') await this.#unlessAborted(ready.get(other))
      }
      this.#options.signal.throwIfAborted()
      if (service === tests) break
      ready.set(service.name, this.#start(service))
      // A service that depends on it awaits it; until then its failure must not end the process.
      ready.get(service.name)?.catch(() => {})
      await this.#starting.get(service.name)
    }
    return await this.#test(tests)
  }

  /** Settles when it is ready, or has ended well if somebody waits for that. */
  async #start(service: Service): Promise<void> {
    const starting = this.#launch(service)
    this.#starting.set(service.name, starting)
    const { ended } = await starting
    if (!runsToEnd(service, this.#project.services)) {
      void ended.then(() => this.#tellEnd(service))
      await untilReady(this.#podman, service, this.#names, this.#options.signal)
      return
    }
    await ended
    const { exitCode } = await stateOf(this.#podman, this.#names.container(service.name))
    if (exitCode !== 0)
      throw new RunnerError('API', `service ${service.name} ended with ${exitCode}`, 'read its log above')
  }

  async #create(service: Service): Promise<void> {
    const { name } = service
    const { args, variables, fileVariables } = createContainer(service, this.#names, this.#options)
    const lines = fileVariables.map((line) => `${line}\n`)
    if (lines.length > 0) await writeFile(this.#names.variables(name), lines.join(''), { mode: 0o600 })
    const remedy = `fix what podman says about service ${name}; the command line is not shown, because it can have passwords`
    await this.#podman.run(args, { variables, remedy })
  }

  /** Attached from its first line on: `podman logs --follow` does not end with its container where podman keeps no events. */
  async #launch(service: Service): Promise<Launched> {
    const container = this.#names.container(service.name)
    await this.#create(service)
    const ended = this.#podman.lines(['start', '--attach', container], (line) => {
      this.#options.stderr.write(`${service.name} | ${plain(line, 10_000)}\n`)
    })
    this.#logs.push(ended)
    let isOver = false
    void ended.then(() => {
      isOver = true
    })
    for (;;) {
      const { isRunning, exitCode } = await stateOf(this.#podman, container)
      if (isRunning || exitCode !== undefined) return { ended }
      if (isOver)
        throw new RunnerError('API', `service ${service.name} could not be started`, "read podman's words above")
      await sleep(pollMs)
    }
  }

  async #tellEnd({ name }: Service): Promise<void> {
    if (this.#isOver) return
    const { exitCode } = await stateOf(this.#podman, this.#names.container(name))
    if (!this.#isOver) this.#options.say(`service ${name} ended with ${exitCode} before the tests did`)
  }

  async #test(tests: Service): Promise<number> {
    const { stdout, stderr } = this.#options
    const container = this.#names.container(tests.name)
    await this.#create(tests)
    const ended = this.#podman.pass(['start', '--attach', container], stdout, stderr)
    await this.#unlessAborted(ended)
    const { exitCode } = await stateOf(this.#podman, container)
    if (exitCode !== undefined) return exitCode
    throw new RunnerError(
      'API',
      `the tests could not be started: podman start failed with ${await ended}`,
      "read podman's words above: is the program in the image, and may it be run?",
    )
  }

  async #unlessAborted(work: Promise<unknown> | undefined): Promise<void> {
    const { signal } = this.#options
    signal.throwIfAborted()
    let stop = () => {}
    const aborted = new Promise<void>((resolve) => {
      stop = resolve
      signal.addEventListener('abort', stop)
    })
    await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop))
    signal.throwIfAborted()
  }

  /** Everything of this run; safe to call at any point of it. */
  async remove(): Promise<void> {
    this.#isOver = true
    await Promise.allSettled(this.#starting.values())
    const commands = [
      ['pod', 'rm', '--force', '--ignore', '--time', String(stopSeconds), this.#names.pod],
      ...this.#project.volumes.map((volume) => ['volume', 'rm', '--force', this.#names.volume(volume)]),
    ]
    for (const command of commands) await this.#removed(command)
    await Promise.allSettled(this.#logs)
  }

  /** Podman refuses now and then while a container of the pod is just ending. */
  async #removed(command: readonly string[]): Promise<void> {
    for (let left = removeTries; left > 0; left--) {
      const { code, stderr } = await this.#podman.try(command)
      if (code === 0) return
      if (left === 1)
        this.#options.say(`could not remove it; do it by hand: podman ${command.join(' ')}: ${plain(stderr, 300)}`)
    }
  }
}
