import type { V1EnvVar } from '@kubernetes/client-node'
import type { BuildFile } from '../config/build-file.js'
import { RunnerError } from '../model/runner-error.js'
import { secretName, workspace } from './names.js'

/**
 * The build's variables: HOME, those of the runner, and the build file's own, which may replace HOME.
 *
 * @param own of the runner, which no build may set
 * @throws RunnerError `BUILD_INVALID`, if it does
 */
export function environmentOf(build: BuildFile, attempt: number, own: readonly V1EnvVar[]): V1EnvVar[] {
  const values = Object.entries(build.environment).map(
    ([name, value]): V1EnvVar =>
      typeof value === 'string'
        ? { name, value: literal(value) }
        : { name, valueFrom: { secretKeyRef: { name: value.secret, key: value.key } } },
  )
  const secret = secretName(build.id, attempt)
  const secrets = build.secretEnvironment.map(
    (name): V1EnvVar => ({ name, valueFrom: { secretKeyRef: { name: secret, key: name } } }),
  )
  const asked = [...values, ...secrets]
  const taken = asked.find(({ name }) => own.some((variable) => variable.name === name))
  if (taken !== undefined) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: it sets ${taken.name}, which the runner sets`,
      'leave it out of the build',
    )
  }
  const home = asked.some(({ name }) => name === 'HOME') ? [] : [{ name: 'HOME', value: workspace }]
  return [...home, ...own, ...asked]
}

/**
 * The kubelet reads `$(NAME)` in a value, and makes one $ of two (`expansion.Expand`); in values from Secrets it does
 * not. Doubled, each $ arrives as it was written.
 */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$')
}
