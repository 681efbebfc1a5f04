import { randomBytes } from 'node:crypto'
import { after, type Clock } from '../../../examples/kata-build-runner/model/clock.js'
import type { Admission } from './admission.js'
import { withDefaults } from './defaults.js'
import { deleteObject } from './deletion.js'
import type { EventRecorder } from './event-recorder.js'
import { isFinished, trackingFinalizer, withoutTracking } from './job-status.js'
import { type Condition, isTerminal, type Job, type JobStatus, kubeTime, type Pod, withCondition } from './objects.js'
import { jobs, pods } from './resources.js'
import { Refusal } from './status.js'
import type { Change, NewObject, Store } from './store.js'

interface Controllers {
  store: Store
  recorder: EventRecorder
  admission: Admission
  clock: Clock
  /** How long a second of a Job's deadline, TTL and of the pause before another try lasts, in ms. */
  secondMs: number
}

/** job_controller.go's syncJob, for Jobs of one pod at a time, and the TTL controller. */
export class JobController {
  readonly #c: Controllers
  readonly #queued = new Set<string>()
  readonly #timers = new Map<string, () => void>()
  readonly #refusals = new Map<string, number>()
  readonly #pods = new Map<string, Map<string, Pod>>()
  /** When a Job started or finished: the times in its status have no milliseconds. */
  readonly #moments = new Map<string, number>()
  readonly #unlisten: () => void
  #isStopped = false

  constructor(controllers: Controllers) {
    this.#c = controllers
    this.#unlisten = controllers.store.listen((change) => this.#hear(change))
  }

  stop(): void {
    this.#isStopped = true
    this.#unlisten()
    for (const cancel of this.#timers.values()) cancel()
  }

  #hear({ resource, object, type }: Change): void {
    const { namespace = '', name, ownerReferences, finalizers } = object.metadata
    if (resource === jobs) this.#enqueue(namespace, name)
    if (resource !== pods) return
    const owner = ownerReferences?.find(({ kind }) => kind === 'Job')
    this.#remember(object as Pod, type === 'DELETED' ? undefined : owner?.name)
    if (owner !== undefined) this.#enqueue(namespace, owner.name)
    // Also when its Job is gone or has let go of it: nobody else takes the finalizer away.
    else if (type !== 'DELETED' && finalizers?.includes(trackingFinalizer))
      setImmediate(() => !this.#isStopped && this.#untrack(object as Pod))
  }

  #enqueue(namespace: string, name: string, afterMs = 0): void {
    const key = `${namespace}/${name}`
    if (afterMs > 0) {
      this.#timers.get(key)?.()
      this.#timers.set(
        key,
        after(this.#c.clock, afterMs, () => this.#enqueue(namespace, name)),
      )
      return
    }
    if (this.#queued.has(key)) return
    this.#queued.add(key)
    setImmediate(() => {
      this.#queued.delete(key)
      if (!this.#isStopped) this.#sync(namespace, name)
    })
  }

  #sync(namespace: string, name: string): void {
    const job = this.#c.store.find<Job>(jobs, namespace, name)
    const owned = this.#podsOf(namespace, name)
    const mine = owned.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === job?.metadata.uid))
    for (const pod of owned) if (!mine.includes(pod)) this.#untrack(pod)
    if (job === undefined) return
    if (job.metadata.deletionTimestamp !== undefined || isFinished(job)) for (const pod of mine) this.#untrack(pod)
    if (isFinished(job)) this.#expire(job)
    else this.#manage(job, mine)
  }

  #manage(job: Job, mine: Pod[]): void {
    const { spec, status } = job
    const active = mine.filter((pod) => !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined)
    const uncounted = mine.filter((pod) => pod.metadata.finalizers?.includes(trackingFinalizer))
    // One that is to go lets go of its pods (canRemoveFinalizer), as a rule before they are deleted, and then counts none.
    const isGoing = job.metadata.deletionTimestamp !== undefined
    const gone = (pod: Pod) =>
      pod.status.phase === 'Failed' || (!isGoing && pod.metadata.deletionTimestamp !== undefined && !isTerminal(pod))
    const failed = (status.failed ?? 0) + uncounted.filter(gone).length
    const succeeded = (status.succeeded ?? 0) + uncounted.filter((pod) => pod.status.phase === 'Succeeded').length
    const isPast = spec.suspend !== true && this.#isPastDeadline(job)
    if (
      status.conditions?.some(({ type }) => type === 'FailureTarget') ||
      failed > (spec.backoffLimit ?? 6) ||
      isPast
    ) {
      this.#fail(job, mine, active, failed, isPast)
      return
    }
    for (const pod of uncounted) if (isTerminal(pod) || gone(pod)) this.#untrack(pod)
    if (succeeded >= (spec.completions ?? 1)) this.#complete(job, succeeded)
    else if (spec.suspend === true) this.#suspend(job, active)
    else this.#run(job, active, { failed, succeeded }, mine)
  }

  #run(job: Job, active: Pod[], counts: { failed: number; succeeded: number }, mine: Pod[]): void {
    const wasSuspended = job.status.conditions?.some(({ type, status }) => type === 'Suspended' && status === 'True')
    if (wasSuspended) this.#c.recorder.record(job, { reason: 'Resumed', message: 'Job resumed' }, 'job-controller')
    const isStart = wasSuspended || job.status.startTime === undefined
    const startTime = isStart ? kubeTime() : job.status.startTime!
    const startMs = this.#momentOf(job, 'start', isStart)
    const resumed: Condition = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }
    const conditions = wasSuspended ? withCondition(job.status.conditions, resumed) : (job.status.conditions ?? [])
    const isCreated = active.length > 0 || (job.metadata.deletionTimestamp === undefined && this.#createPod(job))
    const terminating = mine.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isTerminal(pod)).length
    const ready = active.filter((pod) => pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
    this.#setStatus(job, {
      ...{ startTime, conditions, active: isCreated ? 1 : 0, ready: ready.length, terminating },
      ...(counts.failed > 0 ? { failed: counts.failed } : {}),
    })
    const { activeDeadlineSeconds } = job.spec
    if (activeDeadlineSeconds !== undefined && isCreated)
      this.#enqueueAt(job, startMs + activeDeadlineSeconds * this.#c.secondMs)
  }

  #createPod(job: Job): boolean {
    const { name, namespace = '', uid } = job.metadata
    const { template } = job.spec
    const generateName = `${name}-`
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod', spec: template.spec },
      metadata: {
        ...template.metadata,
        ...{ name: `${generateName.slice(0, 58)}${randomBytes(4).toString('hex').slice(0, 5)}`, generateName },
        ...{ finalizers: [trackingFinalizer] },
        ownerReferences: [
          { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true, blockOwnerDeletion: true },
        ],
      },
    } as NewObject
    const key = `${namespace}/${name}`
    try {
      const made = this.#c.store.add<Pod>(pods, this.#c.admission.admit(pods, withDefaults(pods, namespace, pod)))
      this.#refusals.delete(key)
      const message = `Created pod: ${made.metadata.name}`
      this.#c.recorder.record(job, { reason: 'SuccessfulCreate', message }, 'job-controller')
      return true
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const message = `Error creating: ${error.message}`
      this.#c.recorder.record(job, { type: 'Warning', reason: 'FailedCreate', message }, 'job-controller')
      const times = this.#refusals.get(key) ?? 0
      this.#refusals.set(key, times + 1)
      this.#enqueue(namespace, name, Math.min(2 ** times, 60) * this.#c.secondMs)
      return false
    }
  }

  #suspend(job: Job, active: Pod[]): void {
    // Let go of first, so that they do not count as failed (deleteJobPods).
    for (const pod of active) this.#untrack(pod)
    this.#deletePods(job, active)
    const suspended: Condition = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }
    const isNew = !job.status.conditions?.some(({ type, status }) => type === 'Suspended' && status === 'True')
    if (isNew) this.#c.recorder.record(job, { reason: 'Suspended', message: 'Job suspended' }, 'job-controller')
    const { startTime: _, ...status } = job.status
    const conditions = isNew ? withCondition(job.status.conditions, suspended) : (job.status.conditions ?? [])
    this.#setStatus(job, { ...status, conditions, active: 0, ready: 0, terminating: 0 }, true)
  }

  #complete(job: Job, succeeded: number): void {
    const why = {
      status: 'True',
      reason: 'CompletionsReached',
      message: 'Reached expected number of succeeded pods',
    } as const
    const conditions = withCondition(job.status.conditions, { type: 'SuccessCriteriaMet', ...why })
    this.#setStatus(job, { conditions, succeeded, active: 0, ready: 0, terminating: 0 })
    this.#setStatus(job, {
      conditions: withCondition(conditions, { type: 'Complete', ...why }),
      completionTime: kubeTime(),
    })
    this.#c.recorder.record(job, { reason: 'Completed', message: 'Job completed' }, 'job-controller')
  }

  /** FailureTarget at once, and Failed when no pod is left that runs. */
  #fail(job: Job, mine: Pod[], active: Pod[], failed: number, isPast: boolean): void {
    const target = job.status.conditions?.find(({ type }) => type === 'FailureTarget')
    const { reason, message } = target ?? {
      reason: isPast ? 'DeadlineExceeded' : 'BackoffLimitExceeded',
      message: isPast ? 'Job was active longer than specified deadline' : 'Job has reached the specified backoff limit',
    }
    const why = { status: 'True', ...(reason && { reason }), ...(message && { message }) } as const
    const conditions = withCondition(job.status.conditions, { type: 'FailureTarget', ...why })
    this.#deletePods(job, active)
    const terminating = mine.filter((pod) => !isTerminal(pod)).length
    const count = Math.max(failed, target === undefined && isPast ? active.length : (job.status.failed ?? 0))
    this.#setStatus(job, { conditions, active: 0, ready: 0, terminating, failed: count })
    for (const pod of mine) this.#untrack(pod)
    if (this.#podsOf(job.metadata.namespace ?? '', job.metadata.name).some((pod) => !isTerminal(pod))) return
    this.#setStatus(job, { conditions: withCondition(conditions, { type: 'Failed', ...why }), terminating: 0 })
    this.#c.recorder.record(job, { type: 'Warning', reason: reason!, message: message! }, 'job-controller')
  }

  #isPastDeadline(job: Job): boolean {
    const { spec, status } = job
    if (spec.activeDeadlineSeconds === undefined || status.startTime === undefined) return false
    return this.#c.clock.now() >= this.#momentOf(job, 'start') + spec.activeDeadlineSeconds * this.#c.secondMs
  }

  #expire(job: Job): void {
    const { ttlSecondsAfterFinished } = job.spec
    if (ttlSecondsAfterFinished === undefined || job.metadata.deletionTimestamp !== undefined) return
    const at = this.#momentOf(job, 'end') + ttlSecondsAfterFinished * this.#c.secondMs
    if (this.#c.clock.now() < at) this.#enqueueAt(job, at)
    else deleteObject(this.#c.store, jobs, job, { propagationPolicy: 'Foreground' })
  }

  #deletePods(job: Job, active: Pod[]): void {
    for (const pod of active) {
      deleteObject(this.#c.store, pods, pod, { propagationPolicy: 'Background' })
      const message = `Deleted pod: ${pod.metadata.name}`
      this.#c.recorder.record(job, { reason: 'SuccessfulDelete', message }, 'job-controller')
    }
  }

  #untrack({ metadata }: Pod): void {
    const pod = this.#c.store.find<Pod>(pods, metadata.namespace, metadata.name)
    if (pod?.metadata.uid === metadata.uid) this.#c.store.update<Pod>(pods, metadata, withoutTracking)
  }
  #setStatus({ metadata }: Job, change: Partial<JobStatus>, isWhole = false): void {
    this.#c.store.update<Job>(jobs, metadata, (job) => {
      const status = isWhole ? change : { ...job.status, ...change }
      return JSON.stringify(status) === JSON.stringify(job.status) ? job : { ...job, status }
    })
  }
  #podsOf(namespace: string, job: string): Pod[] {
    return [...(this.#pods.get(`${namespace}/${job}`)?.values() ?? [])]
  }
  /** Jobs are many, and each looks for its pods at each turn. */
  #remember(pod: Pod, job: string | undefined): void {
    const { namespace = '', name, labels } = pod.metadata
    const key = `${namespace}/${labels?.['job-name']}`
    const known = this.#pods.get(key) ?? new Map<string, Pod>()
    if (job === undefined) known.delete(name)
    else known.set(name, pod)
    if (known.size === 0) this.#pods.delete(key)
    else this.#pods.set(key, known)
  }
  #momentOf({ metadata }: Job, what: 'start' | 'end', isNew = false): number {
    const key = `${metadata.uid}/${what}`
    if (isNew || !this.#moments.has(key)) this.#moments.set(key, this.#c.clock.now())
    return this.#moments.get(key)!
  }
  #enqueueAt({ metadata }: Job, atMs: number): void {
    this.#enqueue(metadata.namespace ?? '', metadata.name, Math.max(1, atMs - this.#c.clock.now()))
  }
}
