import { buildContainer, labels } from '../launch/names.js'
import { plain } from '../model/plain-text.js'
import type { Stage } from '../model/stage.js'
import { buildOf, type ContainerView, containersOf, endOf, isTerminal, jobCondition, podCondition } from './facts.js'
import type { Observed } from './observed.js'
import { isPulled, pullOf, pullTroubleOf } from './pulls.js'
import { refusalOf } from './refusals.js'

export interface StagePoint {
  stage: Stage
  /** What is being done or waited for, in a few words without control characters. */
  detail?: string
  /** The container whose image is pulled, or that initializes the pod: each has the stage's limit for itself. */
  container?: string
}

/** Where the build is. */
export function stageOf(observed: Observed): StagePoint {
  const { pod } = observed
  if (hasEnded(observed)) return { stage: 'ended' }
  if (pod === undefined) return point('created', whyNoPod(observed))
  if (buildOf(pod)?.state.running !== undefined) return { stage: 'running' }
  const node = pod.spec?.nodeName
  if (!node) return point('queued', podCondition(pod, 'PodScheduled')?.message ?? 'waits for the scheduler')
  const trouble = pullTroubleOf(observed)
  if (trouble !== undefined) {
    return point('pulling', `${trouble.container.image}: ${trouble.reason}`, trouble.container)
  }
  const pulling = pullOf(observed)
  if (pulling !== undefined) return point('pulling', pulling.image, pulling)
  const current = currentOf(observed)
  if (current === undefined || !hasSandbox(observed, current)) return point('scheduled', `on ${node}`)
  return current.isInit ? point('init', current.name, current) : point('starting', waitingWords(current))
}

/** Whether nothing more will come of this Job's pod: it, the build container or the Job has ended, or is gone. */
function hasEnded(observed: Observed): boolean {
  const { pod, jobVanished, podVanished } = observed
  return (
    jobVanished === true ||
    podVanished === true ||
    isTerminal(pod) ||
    endOf(pod) !== undefined ||
    jobCondition(observed, 'Failed') !== undefined ||
    jobCondition(observed, 'Complete') !== undefined
  )
}

function whyNoPod(observed: Observed): string {
  const { job } = observed
  const refusal = refusalOf(observed)
  if (refusal !== undefined) return `its pod is refused: ${refusal.message}`
  if (job?.spec?.suspend !== true) return 'waits for its pod'
  const queue = job.metadata?.labels?.[labels.queue]
  return queue === undefined ? 'suspended' : `suspended, waits in queue ${queue}`
}

/** The container whose turn it is: the first that has not done its part. A sidecar's part is to have started. */
function currentOf({ pod }: Observed): ContainerView | undefined {
  return containersOf(pod).find(({ isInit, isSidecar, name, state, status }) => {
    if (isSidecar) return status?.started !== true
    if (isInit) return state.terminated?.exitCode !== 0
    return name === buildContainer
  })
}

/** Whether the pod's sandbox (for Kata: its virtual machine) is there. Clusters before 1.29 do not have the condition. */
function hasSandbox(observed: Observed, current: ContainerView): boolean {
  const { pod } = observed
  const known = podCondition(pod, 'PodReadyToStartContainers')?.status
  if (known !== undefined) return known === 'True'
  const others = containersOf(pod).some(({ state }) => state.running !== undefined || state.terminated !== undefined)
  return others || isPulled(observed, current.name)
}

function waitingWords({ state }: ContainerView): string {
  const { reason, message } = state.waiting ?? {}
  return [reason ?? 'ContainerCreating', message].filter((word) => word !== undefined && word !== '').join(': ')
}

function point(stage: Stage, detail: string, container?: ContainerView): StagePoint {
  return { stage, detail: plain(detail, 300), ...(container === undefined ? {} : { container: container.name }) }
}
