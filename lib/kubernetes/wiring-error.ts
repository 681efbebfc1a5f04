/** The codes of {@link WiringError}. They are stable; messages are not. */
export const wiringErrorCodes = [
  'NO_POD_TEMPLATE',
  'CONTAINER_UNCLEAR',
  'CONTAINER_MISSING',
  'CONTAINER_KIND',
  'KIND_LIMITED',
  'FIELD_MALFORMED',
  'PROBE_EXISTS',
  'COMMAND_UNKNOWN',
  'COMMAND_EXISTS',
  'GUARD_EXISTS',
  'INIT_CONTAINER_IN_USE',
  'VOLUME_IN_USE',
  'MOUNT_IN_USE',
  'VARIABLE_IN_USE',
  'PORT_UNAVAILABLE',
  'WINDOWS',
] as const

export type WiringErrorCode = (typeof wiringErrorCodes)[number]

/** A pod cannot be wired as it is. The message says what stands in the way, where, and what to do. */
export class WiringError extends Error {
  override readonly name = 'WiringError'

  constructor(
    readonly code: WiringErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
