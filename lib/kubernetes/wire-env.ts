/** What a container's programs are told by its environment. */
import { listenVariable, regionVariable } from './conventions.js'
import { objectsOf } from './shape.js'
import type { Container, EnvVar } from './types.js'
import { withAuto } from './wire-auto.js'
import type { WireSettings } from './wire-options.js'
import { nameOf } from './wire-targets.js'
import { WiringError } from './wiring-error.js'

const expectVariable = 'SHM_LIVENESS_EXPECT'
const minVariable = 'SHM_LIVENESS_MIN'
const stopSignalVariable = 'SHM_LIVENESS_STOP_SIGNAL'

/**
 * What differs between containers goes by the environment: a pod's containers share /dev/shm and the network, argv stays
 * the same everywhere, and the guard reads the same as the probe.
 *
 * @param listen where the guard is to listen, if it is; replaces another
 * @param isGuarded whether there is a guard, which must know what the kubelet stops the container by
 */
export function envOf(
  container: Container,
  settings: WireSettings,
  listen: string | undefined,
  isGuarded: boolean,
  where: string,
): EnvVar[] {
  const stopSignal = isGuarded ? container.lifecycle?.stopSignal : undefined
  const { region, expect, min, replace, unnamed } = settings
  const asked = [
    { name: regionVariable, value: region, option: '--region' },
    { name: expectVariable, value: expect?.join(','), option: '--expect' },
    { name: minVariable, value: min === undefined ? undefined : String(min), option: '--min' },
    { name: listenVariable, value: listen, option: '--port and --address' },
    { name: stopSignalVariable, value: stopSignal, option: 'lifecycle.stopSignal' },
  ]
  const env = objectsOf(container.env)
  const hasRegion = region !== undefined || env.some(({ name }) => name === regionVariable)
  const start = hasRegion ? env : [...env, { name: regionVariable, value: nameOf(container, unnamed) ?? '' }]
  const told = asked.reduce((variables: EnvVar[], { name, value, option }) => {
    return value === undefined ? variables : withVariable(variables, { name, value }, option, replace, where)
  }, start)
  return settings.auto ? withAuto(told, settings, where) : told
}

function withVariable(
  env: EnvVar[],
  wanted: { name: string; value: string },
  option: string,
  replace: boolean,
  where: string,
): EnvVar[] {
  const there = env.findLast(({ name }) => name === wanted.name)
  if (there === undefined) return [...env, wanted]
  if (there.value === wanted.value) return env
  if (replace) return env.map((variable) => (variable === there ? wanted : variable))
  throw new WiringError(
    'VARIABLE_IN_USE',
    `${where}: its ${wanted.name} is set already, and not to "${wanted.value}"; replace it (--replace) or give no ${option}`,
  )
}
