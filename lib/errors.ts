/** Why the addon cannot be loaded, or an executable not be found. */
export const loadErrorCodes = [
  'UNSUPPORTED_PLATFORM',
  'NO_BINARY',
  'NO_DEPENDENCY',
  'ADDONS_DISABLED',
  'PERMISSION_MODEL',
  'BINARY_FOREIGN',
  'BINARY_BROKEN',
  'BINARY_REFUSED',
] as const

/**
 * The codes of all errors thrown by this package. They are stable; messages are not.
 *
 * All but those above come from `native/shm_liveness/fault.hpp`, which has a sentence for each.
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
  ...loadErrorCodes,
] as const

export type LivenessErrorCode = (typeof livenessErrorCodes)[number]

/** What marks an error of this package, in whichever copy of it and realm (vm context) it was made. */
const mark = Symbol.for('shm-liveness.LivenessError')

/**
 * Any failure of this package. `code` says which; `cause` is the native error, where there was one.
 *
 * `error instanceof LivenessError` is true also for errors of another copy of this package, as tests in vm contexts have.
 */
export class LivenessError extends Error {
  override readonly name = 'LivenessError'
  readonly code: LivenessErrorCode

  constructor(code: LivenessErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

Object.defineProperty(LivenessError.prototype, mark, { value: true })
// Not in the class: TypeScript would no longer know the type of what instanceof has let through.
Object.defineProperty(LivenessError, Symbol.hasInstance, {
  value(this: unknown, error: unknown): boolean {
    // A class that extends this one has its own instances only.
    if (this !== LivenessError) return Function.prototype[Symbol.hasInstance].call(this as never, error)
    return isObject(error) && (error as { [mark]?: unknown })[mark] === true
  },
})

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isLivenessErrorCode(code: unknown): code is LivenessErrorCode {
  return livenessErrorCodes.some((known) => known === code)
}

/**
 * Runs a call into the addon, and gives its errors their type. The addon makes them in the main realm: in a vm context
 * `instanceof Error` does not know them.
 */
export function typed<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    if (error instanceof LivenessError) throw error
    if (isObject(error) && 'message' in error && 'code' in error && isLivenessErrorCode(error.code)) {
      throw new LivenessError(error.code, String(error.message), { cause: error })
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
