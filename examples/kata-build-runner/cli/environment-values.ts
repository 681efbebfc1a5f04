import type { Host } from './host.js'

/** The runner's own variables, from which builds take what `secretEnvironment` names. */
export function environmentValues({ env }: Pick<Host, 'env'>): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(entries)
}
