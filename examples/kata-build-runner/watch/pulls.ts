import type { CoreV1Event } from '@kubernetes/client-node'
import { eventCount, eventMessage, eventsOf, isAbout } from './events.js'
import { type ContainerView, containersOf } from './facts.js'
import type { Observed } from './observed.js'

/** The kubelet's reasons of a container that waits for its image (pkg/kubelet/images/types.go). */
const pullReasons = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ImageInspectError',
  'ErrImageNeverPull',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]

export interface PullTrouble {
  container: ContainerView
  reason: string
  /** The runtime's own words, from whoever still has them. */
  message: string
  cause: PullCause
  /** How many pulls failed, as far as events say. */
  failedPulls: number
}

export type PullCause = 'bad-name' | 'not-found' | 'platform' | 'denied' | 'other'

/** The container that waits for an image that could not be pulled. */
export function pullTroubleOf(observed: Observed): PullTrouble | undefined {
  for (const container of containersOf(observed.pod)) {
    const { reason, message } = container.state.waiting ?? {}
    if (reason === undefined || !pullReasons.includes(reason)) continue
    const failed = eventsOf(observed, 'Pod').filter((event) => isFailedPull(event) && isAbout(event, container.name))
    // Older kubelets say no more in a back-off than that it is one (`Back-off pulling image "x"`).
    const words = [message ?? '', ...failed.toReversed().map(eventMessage)]
    const telling = words.find((text) => causeOf(reason, text) !== 'other') ?? words.find((text) => !isBackOff(text))
    return {
      container,
      reason,
      message: telling ?? message ?? '',
      cause: causeOf(reason, telling ?? ''),
      failedPulls: failed.reduce((sum, event) => sum + eventCount(event), 0),
    }
  }
  return undefined
}

/** The container whose image is being pulled: its last `Pulling` has no `Pulled` or `Failed` after it. */
export function pullOf(observed: Observed): ContainerView | undefined {
  const events = eventsOf(observed, 'Pod')
  return containersOf(observed.pod).find((container) => {
    if (container.state.running !== undefined || container.state.terminated !== undefined) return false
    const own = events.filter((event) => isAbout(event, container.name))
    return (
      own.findLast(({ reason }) => reason === 'Pulling' || reason === 'Pulled' || reason === 'Failed')?.reason ===
      'Pulling'
    )
  })
}

/** Whether a container's image is there, by the events. */
export function isPulled(observed: Observed, container: string): boolean {
  return eventsOf(observed, 'Pod').some((event) => event.reason === 'Pulled' && isAbout(event, container))
}

/** Whether the node had the container's image before; undefined: no event says it. */
export function wasCached(observed: Observed, container: string): boolean | undefined {
  const pulled = eventsOf(observed, 'Pod').find((event) => event.reason === 'Pulled' && isAbout(event, container))
  return pulled === undefined ? undefined : /already present on machine/.test(eventMessage(pulled))
}

function isFailedPull(event: CoreV1Event): boolean {
  return (
    event.reason === 'InspectFailed' || (event.reason === 'Failed' && /^Failed to pull image/.test(eventMessage(event)))
  )
}

function isBackOff(text: string): boolean {
  return text === '' || /^Back-off pulling image "[^"]*"$/.test(text)
}

/**
 * What the runtime's words come to. A registry answers "denied" also where there is no such repository, as it tells
 * nobody which ones exist: so `denied` goes before `not-found`, and its remedy names both.
 */
function causeOf(reason: string, text: string): PullCause {
  if (reason === 'InvalidImageName' || /invalid reference format/.test(text)) return 'bad-name'
  if (/no match for platform in manifest|no image found in (?:image index|manifest list) for architecture/.test(text))
    return 'platform'
  if (/toomanyrequests|429 Too Many Requests/i.test(text)) return 'other'
  if (
    /pull access denied|insufficient_scope|unauthorized|authentication required|no basic auth credentials|access to the resource is denied|40[13] (?:Unauthorized|Forbidden)|\bdenied:/i.test(
      text,
    )
  )
    return 'denied'
  if (/manifest unknown|name unknown|: not found\s*$|code = NotFound|repository .* not found/i.test(text))
    return 'not-found'
  return 'other'
}
