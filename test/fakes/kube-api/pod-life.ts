import { after, type Clock } from '../../../examples/kata-build-runner/model/clock.js'
import type { ContainerLog } from './container-log.js'
import { containersOf, endedStatuses, runningState, terminatedState, waitingState } from './container-status.js'
import type { EventText } from './event-recorder.js'
import type { Kubelet } from './kubelet.js'
import {
  type Condition,
  type ContainerSpec,
  type ContainerStatus,
  kubeTime,
  type Metadata,
  type Pod,
  type PodStatus,
  withCondition,
} from './objects.js'
import { pods } from './resources.js'

export interface ContainerEnd {
  exitCode: number
  /** @default Completed for 0, Error otherwise */
  reason?: string
  /** What is in the termination log. */
  message?: string
}

/** How a running container takes a SIGTERM; SIGKILL follows after the grace, which leaves `killed`. */
export interface TermHandler {
  term(): Promise<ContainerEnd>
  killed(): ContainerEnd
}

/** Thrown within a scenario whose pod is gone or being ended: it is over, and that is no error. */
export class LifeOver extends Error {}

/** How it ended by itself, or after the grace, by SIGKILL. */
const within = (clock: Clock, graceMs: number, byItself: Promise<ContainerEnd>, killed: () => ContainerEnd) =>
  new Promise<ContainerEnd>((resolve, reject) => {
    const inTime = after(clock, graceMs, () => resolve(killed()))
    byItself.then(resolve, reject).finally(inTime)
  })

/** One pod's way through the world: what its scenario does to it, and what its kubelet does. */
export class PodLife {
  readonly kubelet: Kubelet
  readonly #identity: Metadata
  readonly #over = new AbortController()
  readonly #handlers = new Map<string, TermHandler>()
  #ending: Promise<void> | undefined
  /** Nobody is there who would end it: its node is lost. */
  isUnreachable = false
  /** Of startTime, which has no milliseconds. */
  admittedAtMs: number | undefined

  constructor(kubelet: Kubelet, pod: Pod) {
    this.kubelet = kubelet
    this.#identity = pod.metadata
  }

  /** @throws LifeOver once it is gone */
  get pod(): Pod {
    const pod = this.kubelet.store.find<Pod>(pods, this.#identity.namespace, this.#identity.name)
    if (pod?.metadata.uid !== this.#identity.uid) throw new LifeOver('the pod is gone')
    return pod
  }
  /** Aborted when the scenario is over. */
  get over(): AbortSignal {
    return this.#over.signal
  }
  get jobName(): string {
    return this.#identity.labels?.['job-name'] ?? this.#identity.name
  }

  /** Ends the scenario: whatever it does next throws LifeOver. */
  stop(): void {
    this.#over.abort(new LifeOver('the scenario is over'))
  }

  /** Milliseconds, not scaled. @throws LifeOver */
  async sleep(ms: number): Promise<void> {
    await this.kubelet.clock.sleep(ms, this.over)
    this.over.throwIfAborted()
  }

  setStatus(change: (status: PodStatus, pod: Pod) => PodStatus): void {
    this.kubelet.store.update<Pod>(pods, this.pod.metadata, (pod) => ({ ...pod, status: change(pod.status, pod) }))
  }
  setSpec(change: Partial<Pod['spec']>): void {
    this.kubelet.store.update<Pod>(pods, this.pod.metadata, (pod) => ({ ...pod, spec: { ...pod.spec, ...change } }))
  }
  setCondition(...conditions: Condition[]): void {
    this.setStatus((status) => ({ ...status, conditions: conditions.reduce(withCondition, status.conditions ?? []) }))
  }
  setContainer(name: string, change: Partial<ContainerStatus>): void {
    const set = (all?: ContainerStatus[]) => all?.map((each) => (each.name === name ? { ...each, ...change } : each))
    this.setStatus((status) => {
      const [init, main] = [set(status.initContainerStatuses), set(status.containerStatuses)]
      return { ...status, ...(init && { initContainerStatuses: init }), ...(main && { containerStatuses: main }) }
    })
  }
  waits(name: string, reason: string, message?: string): void {
    this.setContainer(name, waitingState(reason, message))
  }

  event(text: EventText): void {
    this.kubelet.recorder.record(this.pod, text, 'kubelet', this.pod.spec.nodeName)
  }
  /** About one container, as the kubelet's are. */
  containerEvent(name: string, text: EventText): void {
    const kind = this.pod.spec.containers.some((each) => each.name === name) ? 'containers' : 'initContainers'
    this.event({ ...text, fieldPath: `spec.${kind}{${name}}` })
  }

  container(name: string): ContainerSpec {
    const found = containersOf(this.pod).find((each) => each.name === name)
    if (found === undefined) throw new Error(`the scenario names a container "${name}" that the pod does not have`)
    return found
  }
  status(name: string): ContainerStatus | undefined {
    const { initContainerStatuses = [], containerStatuses = [] } = this.pod.status
    return [...initContainerStatuses, ...containerStatuses].find((each) => each.name === name)
  }
  log(name: string): ContainerLog {
    return this.kubelet.logOf(this.#identity.uid, name)
  }

  starts(name: string): void {
    this.setContainer(name, runningState(this.container(name)))
    this.containerEvent(name, { reason: 'Created', message: `Created container: ${name}` })
    this.containerEvent(name, { reason: 'Started', message: `Started container ${name}` })
  }
  onTerm(name: string, handler: TermHandler): void {
    this.#handlers.set(name, handler)
  }
  ends(name: string, end: ContainerEnd): void {
    this.#handlers.delete(name)
    this.log(name).end()
    this.setContainer(name, terminatedState(this.status(name), end))
  }
  isRunning(name: string): boolean {
    return this.status(name)?.state.running !== undefined
  }

  /** Once its own containers have ended: sidecars are ended, and the phase is what the exits make it. */
  async completes(): Promise<void> {
    await this.#endContainers(this.#graceMs())
    this.setStatus((status, pod) => endedStatuses(status, pod))
  }

  /** SIGTERM to all that runs, SIGKILL after the grace, then the last status. A second call waits for the first. */
  async kill(last: (status: PodStatus) => PodStatus, graceMs = this.#graceMs()): Promise<void> {
    this.#ending ??= this.#kill(last, graceMs)
    await this.#ending
  }

  #graceMs(): number {
    const { metadata, spec } = this.pod
    const seconds = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30
    return seconds * this.kubelet.secondMs
  }
  async #kill(last: (status: PodStatus) => PodStatus, graceMs: number): Promise<void> {
    this.stop()
    await this.#endContainers(graceMs)
    this.setStatus((status, pod) => last(endedStatuses(status, pod)))
  }

  async #endContainers(graceMs: number): Promise<void> {
    const running = containersOf(this.pod).filter(({ name }) => this.isRunning(name))
    await Promise.all(
      running.map(async ({ name }) => {
        this.containerEvent(name, { reason: 'Killing', message: `Stopping container ${name}` })
        const handler = this.#handlers.get(name)
        const byItself = handler?.term() ?? Promise.resolve({ exitCode: 143 })
        this.ends(
          name,
          await within(this.kubelet.clock, graceMs, byItself, () => handler?.killed() ?? { exitCode: 137 }),
        )
      }),
    )
  }

  /** The kubelet's first word on a pod that was bound to its node. */
  admitted(): void {
    this.admittedAtMs = this.kubelet.clock.now()
    this.setStatus((status, { spec }) => {
      const isInit = (spec.initContainers ?? []).length > 0
      const waiting = (each: ContainerSpec): ContainerStatus => ({
        ...{ name: each.name, image: each.image, imageID: '', restartCount: 0, lastState: {}, ready: false },
        ...{ started: false, state: { waiting: { reason: isInit ? 'PodInitializing' : 'ContainerCreating' } } },
      })
      const unready = (type: string, what: string): Condition => ({
        ...{ type, status: 'False', reason: 'ContainersNotReady' },
        message: `containers with unready status: [${what}]`,
      })
      const names = spec.containers.map(({ name }) => name).join(' ')
      const conditions: Condition[] = [
        { type: 'PodReadyToStartContainers', status: 'False' },
        isInit
          ? {
              ...{ type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized' },
              message: `containers with incomplete status: [${spec.initContainers!.map(({ name }) => name).join(' ')}]`,
            }
          : { type: 'Initialized', status: 'True' },
        unready('Ready', names),
        unready('ContainersReady', names),
      ]
      return {
        ...status,
        startTime: kubeTime(),
        hostIP: '10.0.0.9',
        conditions: conditions.reduce(withCondition, status.conditions ?? []),
        containerStatuses: spec.containers.map(waiting),
        ...(isInit ? { initContainerStatuses: spec.initContainers!.map(waiting) } : {}),
      }
    })
  }
}
