/** How often a build is looked at, and how long is waited for what may never come. All in milliseconds. */
export interface Timing {
  /** Between two looks at a build to which nothing happens: limits of stages are found then. */
  tickMs: number
  /** A stage before the start lasts this long until its events are asked for; then in steps that double … */
  firstEventsMs: number
  /** … up to this. */
  eventsMs: number
  /** How long is waited for events that were asked for; what comes later counts from then on. */
  eventsLimitMs: number
  /** What a feed has never shown of a Job after this is asked for by its name. */
  unseenMs: number
  /** Between two notes on standard error that the API server is gone. */
  noteMs: number
  /** The container ended, and its pod's status does not say so yet, or the other way around. */
  settleMs: number
  /** The API server is gone, or a pod that was deleted will not go: then the build is left running. */
  patienceMs: number
  /** How long `cancel` leaves the Job of an ended build to the runner that may be reading its log. */
  courtesyMs: number
}

export const usualTiming: Timing = {
  tickMs: 1_000,
  firstEventsMs: 3_000,
  eventsMs: 30_000,
  eventsLimitMs: 5_000,
  unseenMs: 15_000,
  noteMs: 30_000,
  settleMs: 20_000,
  patienceMs: 600_000,
  courtesyMs: 10_000,
}
