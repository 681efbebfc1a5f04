import { type ClaimOptions, Heartbeat, LivenessError } from 'shm-liveness'

/** The code with which a claim in this process is refused; undefined if it is not. Stopped at once, if not. */
export function refusal(options: Partial<ClaimOptions>): string | undefined {
  try {
    Heartbeat.claim({ name: 'a', maxAge: '1s', ...options }).stop()
    return undefined
  } catch (error) {
    if (error instanceof LivenessError) return error.code
    throw error
  }
}
