import { parseDuration } from 'shm-liveness/kubernetes'

/** The milliseconds of a duration as the guard reads it (`250ms`, `1.5s`, `1m30s`); undefined if it is none. */
export function durationMs(text: string): number | undefined {
  const ns = parseDuration(text)
  return ns === undefined ? undefined : ns / 1e6
}
