import { createHash } from 'node:crypto'

/** Changes when a text does: of what a pod reads only once, so that a change of it replaces the pod. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
