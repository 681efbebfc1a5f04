import type { CiConfig } from '../../config/ci-schema.js'

/** The RuntimeClass of a daemon that is in a virtual machine. */
export function runtimeClassOf({ isolation, runtimeClass }: CiConfig['daemon']): string | undefined {
  return isolation === 'kata' ? (runtimeClass ?? 'kata') : undefined
}
