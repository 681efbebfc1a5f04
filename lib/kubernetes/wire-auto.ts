/** Supervision of Node.js programs that nobody changed. */
import { autoModule, nodeOptionsVariable } from './conventions.js'
import type { EnvVar } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/** The environment with the module among NODE_OPTIONS, behind what is there. */
export function withAuto(env: EnvVar[], { directory }: WireSettings, where: string): EnvVar[] {
  const flag = `--import=${directory}/${autoModule}`
  const there = env.findLast(({ name }) => name === nodeOptionsVariable)
  if (there === undefined) return [...env, { name: nodeOptionsVariable, value: flag }]
  if (there.valueFrom) {
    throw new WiringError(
      'VARIABLE_IN_USE',
      `${where}: its ${nodeOptionsVariable} comes from elsewhere (valueFrom), and cannot be added to; ` +
        `write its value in the pod, or add ${flag} where it comes from and leave out --auto`,
    )
  }
  const words = (there.value ?? '').split(/\s+/).filter((word) => word !== '')
  if (words.includes(flag)) return env
  const value = there.value?.trim() ? `${there.value.trimEnd()} ${flag}` : flag
  return env.map((variable) => (variable === there ? { ...variable, value } : variable))
}
