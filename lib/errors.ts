/**
 * The codes of all errors thrown by this package. They are stable; messages are not.
 *
 * All but the last come from `native/shm_liveness/fault.hpp`, which has a sentence for each.
 */
export const livenessErrorCodes = [
  'REGION_MISSING',
  'REGION_NOT_A_FILE',
  'REGION_ACCESS',
  'REGION_OWNER',
  'REGION_MODE',
  'REGION_NOT_TMPFS',
  'REGION_SIZE',
  'REGION_MAGIC',
  'REGION_VERSION',
  'REGION_LAYOUT',
  'REGION_TRUNCATED',
  'REGION_REMOVED',
  'REGION_IN_USE',
  'NO_SPACE',
  'NO_MEMORY',
  'NO_FREE_SLOT',
  'NAME_TAKEN',
  'SLOT_LOCKED',
  'CLAIM_BUSY',
  'LOCKS_UNSUPPORTED',
  'NO_SUCH_WORKER',
  'STILL_ALIVE',
  'INVALID_NAME',
  'INVALID_TEXT',
  'INVALID_OPTION',
  'STOPPED',
  'CLOCK_FUTURE',
  'CLOCK_FOREIGN',
  'SYSTEM',
  'NO_BINARY',
] as const

export type LivenessErrorCode = (typeof livenessErrorCodes)[number]

/** Any failure of this package. `code` says which; `cause` is the native error, where there was one. */
export class LivenessError extends Error {
  override readonly name = 'LivenessError'

  constructor(
    readonly code: LivenessErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

function isLivenessErrorCode(code: unknown): code is LivenessErrorCode {
  return livenessErrorCodes.some((known) => known === code)
}

/** Runs a call into the addon, and gives its errors their type. */
export function typed<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    if (error instanceof Error && 'code' in error && isLivenessErrorCode(error.code)) {
      throw new LivenessError(error.code, error.message, { cause: error })
    }
    throw error
  }
}

/** Never throws itself: String() does, over an object without a text. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  const hasText = (typeof value !== 'object' && typeof value !== 'function') || value === null
  return hasText ? String(value) : Object.prototype.toString.call(value)
}

/** The error for an argument that cannot be what it is. */
export function invalid(what: string, wanted: string, got: unknown): LivenessError {
  return new LivenessError('INVALID_OPTION', `${what}: ${wanted}, got ${shown(got)}`)
}
