import { Heartbeat } from 'shm-liveness'

/** The worker of this program itself in the region of its container; undefined: there is none, and nobody watches it. */
export function ownHeartbeat(
  name: string,
  maxAgeMs: number,
  region = process.env['SHM_LIVENESS_REGION'],
): Heartbeat | undefined {
  return region === undefined || region === '' ? undefined : Heartbeat.claim({ region, name, maxAge: maxAgeMs })
}
