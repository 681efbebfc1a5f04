/** What a container's programs are told by its environment. */
import { listenVariable, regionVariable } from './conventions.js'
import { objectsOf } from './shape.js'
import type { Container, EnvVar } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/**
 * Region and port go by the environment, for each container its own: a pod's containers share /dev/shm and the network,
 * and argv stays the same everywhere.
 */
export function envOf(
  container: Container,
  settings: WireSettings,
  listen: string | undefined,
  where: string,
): EnvVar[] {
  const env = objectsOf(container.env)
  const region = settings.region ?? container.name
  const withRegion = withVariable(env, regionVariable, region ?? '', settings.region !== undefined, settings, where)
  return listen === undefined ? withRegion : withVariable(withRegion, listenVariable, listen, true, settings, where)
}

/** @param asked whether this value was asked for; otherwise one that is there stays */
function withVariable(
  env: EnvVar[],
  name: string,
  value: string,
  asked: boolean,
  settings: WireSettings,
  where: string,
): EnvVar[] {
  const there = env.findLast((variable) => variable.name === name)
  if (there === undefined) return [...env, { name, value }]
  if (!asked || there.value === value) return env
  if (settings.replace) return env.map((variable) => (variable === there ? { name, value } : variable))
  throw new WiringError(
    'VARIABLE_IN_USE',
    `${where}: its ${name} is set already, and not to "${value}"; replace it (--replace) or give no --region`,
  )
}
