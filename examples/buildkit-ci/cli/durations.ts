import { InvalidArgumentError } from 'commander'
import { durationMs } from '../../kata-build-runner/config/durations.js'

/** Milliseconds of a flag's duration, above 0. */
export function duration(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('Write a duration above 0, for example 90s or 10m.')
  return ms
}

/** As {@link duration}; 0 is taken. */
export function durationOrZero(text: string): number {
  return /^0(s|ms|m|h)?$/.test(text) ? 0 : duration(text)
}
