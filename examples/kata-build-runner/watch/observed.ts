import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import type { GuardRecord } from '../model/record.js'
import type { Stage } from '../model/stage.js'

/** All that is known of a build at a moment. Nothing here asks the cluster or a clock. */
export interface Observed {
  job?: V1Job | undefined
  /** The build's newest pod; a pod that vanished stays here as it was last seen. */
  pod?: V1Pod | undefined
  /** Of the Job and of the pod, in any order. */
  events: readonly CoreV1Event[]
  /** The time of day, for people. No duration is made of it: the system's time may be set. */
  now: Date
  /**
   * How long this runner has heard the API server, in milliseconds (`HeardTime`). All limits are compared with it. The
   * cluster's own times are of another clock, which may be minutes away, and are compared with nothing.
   */
  heardMs: number
  /** When this runner first saw the build in a stage, as `heardMs`. */
  since: Partial<Record<Stage, number>>
  /** When this runner first saw that the pod is to go, as `heardMs`. */
  deletingSince?: number | undefined
  /** The guard's record from the log's final mark, for a pod whose status is gone: `recordOfMarks`. */
  record?: GuardRecord | undefined
  cancelled: boolean
  /** The Job existed, and the API server says that it does no more. */
  jobVanished?: boolean | undefined
  /** The pod existed, and the API server says that it does no more. */
  podVanished?: boolean | undefined
  /** The pod went while nobody watched, or the Job before a pod was seen: what the pod came to, nobody has seen. */
  wentUnseen?: boolean | undefined
}
