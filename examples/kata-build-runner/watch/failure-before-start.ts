import { buildContainer } from '../launch/names.js'
import type { Failure } from '../model/failure.js'
import { allStagesMs, limitMsOf, type Stage, type StageLimits } from '../model/stage.js'
import { causeOf } from './causes.js'
import { eventMessage, eventsOf } from './events.js'
import { failure } from './evidence.js'
import { buildOf, type ContainerView, containersOf, endOf, isStartError, podCondition } from './facts.js'
import type { Observed } from './observed.js'
import { type PullTrouble, pullTroubleOf } from './pulls.js'
import { type Refusal, refusalOf } from './refusals.js'
import { schedulingWords } from './scheduling.js'
import { stageOf } from './stage.js'

/**
 * How long a definite refusal must stand before it is believed: the list of events may be ahead of that of pods, so the
 * next try may have succeeded already.
 */
export const refusalPatienceMs = 10_000

/** A second failed pull confirms the registry's answer: a tag may be pushed a moment after the build was started. */
const confirmingPulls = 2

/** Whether a trouble is final now, or waits for its stage's time limit with the last reason. */
type Trouble = { failure: Failure; isFinal: boolean }

/** Why a build that has not started failed, or undefined while it may still come to something. */
export function failureOnTheWay(observed: Observed, limits: StageLimits): Failure | undefined {
  const { stage, detail } = stageOf(observed)
  const entered = observed.since[stage]
  const elapsedMs = entered === undefined ? 0 : observed.heardMs - entered
  const trouble = troubleOf(observed, elapsedMs)
  if (trouble?.isFinal === true) return trouble.failure
  const waited = waitedTooLong(observed, stage, elapsedMs, limits)
  if (waited === undefined) return undefined
  if (trouble !== undefined) {
    return { ...trouble.failure, evidence: [...trouble.failure.evidence, `waited ${waited}`] }
  }
  return failure(observed, 'stage-timeout', `no start after ${waited}${detail === undefined ? '' : `: ${detail}`}`, {
    retry: true,
  })
}

/** Beyond which limit the build is: that of its stage, or of all, for one that goes to and fro between stages. */
function waitedTooLong(
  { heardMs, since }: Observed,
  stage: Stage,
  elapsedMs: number,
  limits: StageLimits,
): string | undefined {
  const limitMs = limitMsOf(stage, limits)
  if (limitMs === undefined) return undefined
  if (elapsedMs >= limitMs) return `${Math.round(limitMs / 1000)} s in stage "${stage}"`
  const mostMs = allStagesMs(limits)
  const isOver = heardMs - Math.min(heardMs, ...Object.values(since)) >= mostMs
  return isOver ? `${Math.round(mostMs / 1000)} s in all stages, now in "${stage}"` : undefined
}

/** Why a build that never started has ended. */
export function failureAtTheEnd(observed: Observed): Failure {
  return startError(observed) ?? brokenInit(observed)?.failure ?? byCause(observed)
}

function byCause(observed: Observed): Failure {
  const cause = causeOf(observed)
  if (cause === undefined) {
    return failure(
      observed,
      'stage-timeout',
      'the Job ended before the build container had started, and nothing says why',
      { retry: true },
    )
  }
  // What used up its whole deadline without a start, or was deleted on purpose, is not begun again.
  const retry = !['deadline', 'job-vanished'].includes(cause.kind)
  return failure(observed, cause.kind, cause.summary, { remedy: cause.remedy, retry })
}

function troubleOf(observed: Observed, elapsedMs: number): Trouble | undefined {
  if (observed.pod === undefined) {
    const refusal = refusalOf(observed)
    return refusal === undefined ? undefined : refused(observed, refusal, elapsedMs)
  }
  if (!observed.pod.spec?.nodeName) return unscheduled(observed)
  const pull = pullTroubleOf(observed)
  return pull === undefined
    ? (brokenInit(observed) ?? badContainer(observed) ?? noSandbox(observed))
    : unpulled(observed, pull)
}

function refused(observed: Observed, refusal: Refusal, elapsedMs: number): Trouble {
  const { kind, isDefinite, message, remedy } = refusal
  return {
    failure: failure(observed, kind, `the Job's pod is refused: ${message}`, { remedy, retry: !isDefinite }),
    isFinal: isDefinite && elapsedMs >= refusalPatienceMs,
  }
}

function unscheduled(observed: Observed): Trouble | undefined {
  const condition = podCondition(observed.pod, 'PodScheduled')
  const event = eventsOf(observed, 'Pod').findLast(({ reason }) => reason === 'FailedScheduling')
  const message = condition?.message || (event === undefined ? '' : eventMessage(event))
  if (observed.pod === undefined || message === '') return undefined
  const { text, remedy, mayPass } = schedulingWords(message, observed.pod)
  return { failure: failure(observed, 'unschedulable', text, { remedy, retry: mayPass }), isFinal: false }
}

function unpulled(observed: Observed, { container, message, cause, failedPulls }: PullTrouble): Trouble {
  const image = `image ${container.image}${container.name === buildContainer ? '' : ` (of container ${container.name})`}`
  const isConfirmed = failedPulls >= confirmingPulls
  switch (cause) {
    case 'bad-name':
      return {
        failure: failure(observed, 'image-name', `${image} is not a valid name`, {
          remedy: 'names are lower case, with a tag or digest of the form name:tag or name@sha256:…',
        }),
        isFinal: true,
      }
    case 'not-found':
      return { failure: failure(observed, 'image-name', `${image} does not exist: ${message}`), isFinal: isConfirmed }
    case 'platform':
      return {
        failure: failure(observed, 'image-name', `${image} is not made for the node's architecture`, {
          remedy:
            'build the image for this platform, or choose nodes of its own by `nodeSelectors` (kubernetes.io/arch)',
        }),
        isFinal: isConfirmed,
      }
    case 'denied':
      return {
        failure: failure(observed, 'image-pull', `${image}: the registry gives no access: ${message}`, {
          remedy:
            "name a Secret with the registry's credentials in `imagePullSecrets`; a registry also answers so where the repository does not exist",
        }),
        isFinal: isConfirmed,
      }
    case 'other':
      return {
        failure: failure(observed, 'image-pull', `${image} cannot be pulled: ${message}`, { retry: true }),
        isFinal: false,
      }
  }
}

/** An init container that failed: the installer, or the docker sidecar, which the kubelet starts again and again. */
function brokenInit(observed: Observed): Trouble | undefined {
  for (const container of containersOf(observed.pod)) {
    const { isInit, isSidecar, state, status } = container
    if (!isInit) continue
    const end = state.terminated ?? (isSidecar ? status?.lastState?.terminated : undefined)
    if (end === undefined || end.exitCode === 0 || (isSidecar && status?.started === true)) continue
    const why = isStartError(end)
      ? 'could not be started'
      : end.reason === 'OOMKilled'
        ? 'ran out of memory'
        : `exited with ${end.exitCode}`
    const said = end.message ? `: ${end.message}` : ''
    return {
      failure: failure(
        observed,
        'installer',
        `${roleOf(container)} ${container.name} (${container.image}) ${why}${said}`,
        { retry: end.exitCode === 137 && end.reason !== 'OOMKilled' },
      ),
      isFinal: !isSidecar,
    }
  }
  return undefined
}

function roleOf({ isSidecar }: ContainerView): string {
  return isSidecar ? 'the sidecar' : 'the init container'
}

const secretWords = /secret "([^"]*)" not found|couldn't find key (\S+) in Secret (\S+)/i

/** The kubelet's CreateContainerConfigError, CreateContainerError, RunContainerError: it tries again for ever. */
function badContainer(observed: Observed): Trouble | undefined {
  for (const { name, state } of containersOf(observed.pod)) {
    const { reason, message = '' } = state.waiting ?? {}
    if (reason === 'CreateContainerConfigError') {
      const secret = secretWords.exec(message)
      if (secret !== null) return { failure: missingSecret(observed, secret, name), isFinal: false }
      // The image's user and the pod's settings decide, so the next try cannot end otherwise.
      const isFinal = /runAsNonRoot|runAsUser breaks non-root policy/.test(message)
      return {
        failure: failure(observed, 'container-config', `container ${name} is refused by its node: ${message}`),
        isFinal,
      }
    }
    if (reason === 'CreateContainerError' || reason === 'RunContainerError') {
      return {
        failure: failure(observed, 'start-error', `container ${name} cannot be made: ${message}`, {
          retry: !isImagesFault(message),
        }),
        isFinal: false,
      }
    }
  }
  return undefined
}

/** No sandbox, so no container has a state to tell it: only events do. */
function noSandbox(observed: Observed): Trouble | undefined {
  const reasons = ['FailedCreatePodSandBox', 'FailedMount', 'FailedAttachVolume', 'FailedToRetrieveImagePullSecret']
  const events = eventsOf(observed, 'Pod').filter(({ reason }) => reasons.includes(reason ?? ''))
  const event = events.findLast(({ reason }) => reason !== 'FailedToRetrieveImagePullSecret')
  if (event === undefined || buildOf(observed.pod)?.state.running !== undefined) return undefined
  const message = eventMessage(event)
  const secret = secretWords.exec(message)
  if (secret !== null) return { failure: missingSecret(observed, secret, undefined), isFinal: false }
  const node = observed.pod?.spec?.nodeName ?? 'unknown'
  // containerd's words, CRI-O's words. A node that is being set up gets its runtime a little later.
  const handler = /no runtime for "([^"]*)" is configured|failed to find runtime handler (\S+)/.exec(message)
  if (handler !== null) {
    const name = handler[1] ?? handler[2]
    return {
      failure: failure(observed, 'runtime-class', `node ${node} has no runtime of the handler ${name}`, {
        remedy: `configure the handler "${name}" in the node's containerd or CRI-O, or keep builds off that node`,
        retry: true,
      }),
      isFinal: false,
    }
  }
  return {
    failure: failure(observed, 'stage-timeout', `node ${node} cannot set the pod up: ${message}`, { retry: true }),
    isFinal: false,
  }
}

/** The Secret that the runner makes has the Job's name; a new attempt makes it anew. */
function missingSecret(
  observed: Observed,
  [, secret, key, where]: RegExpExecArray,
  container: string | undefined,
): Failure {
  const name = secret ?? where ?? ''
  const isOwn = name.split('/').pop() === observed.job?.metadata?.name
  const of = container === undefined ? '' : ` (container ${container})`
  const summary =
    key === undefined ? `the Secret ${name} does not exist${of}` : `the Secret ${name} has no key ${key}${of}`
  const remedy = isOwn ? 'the runner made this Secret, and somebody deleted it: find out who' : undefined
  return failure(observed, 'missing-secret', summary, { remedy, retry: isOwn })
}

function startError(observed: Observed): Failure | undefined {
  const end = endOf(observed.pod)
  if (!isStartError(end)) return undefined
  const message = end?.message ?? ''
  const remedy = isImagesFault(message)
    ? "the image or `launchImage` does not fit: a missing file, or another architecture than the node's"
    : undefined
  return failure(observed, 'start-error', `the build container could not be started: ${message || 'no reason given'}`, {
    remedy,
    retry: !isImagesFault(message),
  })
}

function isImagesFault(message: string): boolean {
  return /no such file or directory|executable file not found|exec format error|permission denied|is a directory/.test(
    message,
  )
}
