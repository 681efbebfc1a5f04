import { after, type Clock } from '../../../examples/kata-build-runner/model/clock.js'
import { ContainerLog, type LogSettings } from './container-log.js'
import { deleteObject } from './deletion.js'
import type { EventRecorder } from './event-recorder.js'
import { isTerminal, type Pod } from './objects.js'
import { LifeOver, PodLife } from './pod-life.js'
import { pods } from './resources.js'
import type { Change, Store } from './store.js'

/** A scenario: what happens to a pod, one after the other. */
export type Move = (life: PodLife) => void | Promise<void>
export type Script = readonly (Move | Script)[]

export interface KubeletOptions {
  store: Store
  recorder: EventRecorder
  logSettings: LogSettings
  clock: Clock
  /** How long a second of a pod's deadlines and graces lasts, in ms. */
  secondMs: number
  scriptOf(jobName: string, pod: Pod): Script
  /** An error of a scenario itself. */
  onProblem(problem: Error): void
}

export async function play(script: Script, life: PodLife): Promise<void> {
  for (const move of script) {
    life.over.throwIfAborted()
    if (typeof move === 'function') await move(life)
    else await play(move, life)
  }
}

/** Begins a life for each pod, and ends those that are deleted or past their deadline. */
export class Kubelet {
  readonly store: Store
  readonly recorder: EventRecorder
  readonly clock: Clock
  readonly secondMs: number
  readonly logSettings: LogSettings
  readonly #options: KubeletOptions
  readonly #lives = new Map<string, PodLife>()
  readonly #logs = new Map<string, ContainerLog>()
  readonly #deadlines = new Map<string, () => void>()
  readonly #unlisten: () => void

  constructor(options: KubeletOptions) {
    this.#options = options
    this.store = options.store
    this.recorder = options.recorder
    this.clock = options.clock
    this.secondMs = options.secondMs
    this.logSettings = options.logSettings
    this.#unlisten = this.store.listen((change) => {
      if (change.resource === pods) setImmediate(() => this.#hear(change))
    })
  }

  stop(): void {
    this.#unlisten()
    for (const life of this.#lives.values()) life.stop()
    for (const isOver of this.#deadlines.values()) isOver()
  }

  lifeOf(uid: string): PodLife | undefined {
    return this.#lives.get(uid)
  }
  logOf(uid: string, container: string): ContainerLog {
    const key = `${uid}/${container}`
    const log = this.#logs.get(key) ?? new ContainerLog({ ...this.logSettings }, this.clock)
    this.#logs.set(key, log)
    return log
  }

  /** An error of a scenario itself. */
  report(problem: Error): void {
    this.#options.onProblem(problem)
  }

  #hear({ type, object }: Change): void {
    const pod = object as Pod
    const { uid } = pod.metadata
    if (type === 'ADDED') this.#begin(pod)
    if (type === 'DELETED') this.#forget(pod)
    const life = this.#lives.get(uid)
    if (life === undefined || type === 'DELETED') return
    if (pod.metadata.deletionTimestamp !== undefined) this.#guarded(() => this.#delete(life))
    else this.#watchDeadline(pod, life)
  }

  #begin(pod: Pod): void {
    const life = new PodLife(this, pod)
    this.#lives.set(pod.metadata.uid, life)
    this.#guarded(() => play(this.#options.scriptOf(life.jobName, pod), life))
  }

  #forget({ metadata, spec }: Pod): void {
    this.#lives.get(metadata.uid)?.stop()
    this.#lives.delete(metadata.uid)
    this.#deadlines.get(metadata.uid)?.()
    this.#deadlines.delete(metadata.uid)
    for (const { name } of [...(spec.initContainers ?? []), ...spec.containers]) {
      this.#logs.get(`${metadata.uid}/${name}`)?.end()
      this.#logs.delete(`${metadata.uid}/${name}`)
    }
  }

  /** The status is the last one before the object goes; what holds it by a finalizer sees it. */
  async #delete(life: PodLife): Promise<void> {
    if (life.isUnreachable) return
    if (life.pod.spec.nodeName === undefined) {
      life.stop() // no kubelet has it
      return
    }
    if (!isTerminal(life.pod)) await life.kill((status) => status)
    if (life.pod.metadata.deletionGracePeriodSeconds !== 0)
      deleteObject(this.store, pods, life.pod, { gracePeriodSeconds: 0, propagationPolicy: 'Background' })
  }

  /** From the pod's start time. A client may have lowered it meanwhile. */
  #watchDeadline({ metadata, spec, status }: Pod, life: PodLife): void {
    this.#deadlines.get(metadata.uid)?.()
    if (spec.activeDeadlineSeconds === undefined || status.startTime === undefined || isTerminal(life.pod)) return
    const nowMs = this.clock.now()
    const left = (life.admittedAtMs ?? nowMs) + spec.activeDeadlineSeconds * this.secondMs - nowMs
    this.#deadlines.set(
      metadata.uid,
      after(this.clock, left, () => this.#guarded(() => this.#pastDeadline(life))),
    )
  }
  async #pastDeadline(life: PodLife): Promise<void> {
    if (life.isUnreachable || isTerminal(life.pod)) return
    const message = 'Pod was active on the node longer than the specified deadline'
    life.event({ reason: 'DeadlineExceeded', message })
    await life.kill((status) => ({ ...status, phase: 'Failed', reason: 'DeadlineExceeded', message }))
  }

  #guarded(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!(error instanceof LifeOver)) this.report(error as Error)
    })
  }
}
