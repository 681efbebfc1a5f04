import type { V1EnvVar } from '@kubernetes/client-node'
import type { BuildFile } from '../config/build-file.js'
import { secretName, workspace } from './names.js'

/**
 * The build's variables: HOME, what is of the runner's, and the build file's own, which may replace HOME.
 *
 * @param own of the runner's, which no build can set
 */
export function environmentOf(build: BuildFile, attempt: number, own: readonly V1EnvVar[]): V1EnvVar[] {
  const home = Object.hasOwn(build.environment, 'HOME') ? [] : [{ name: 'HOME', value: workspace }]
  const others = Object.entries(build.environment).map(
    ([name, value]): V1EnvVar =>
      typeof value === 'string'
        ? { name, value: literal(value) }
        : { name, valueFrom: { secretKeyRef: { name: value.secret, key: value.key } } },
  )
  const secret = secretName(build.id, attempt)
  const secrets = build.secretEnvironment.map(
    (name): V1EnvVar => ({ name, valueFrom: { secretKeyRef: { name: secret, key: name } } }),
  )
  const names = new Set(own.map(({ name }) => name))
  return [...home, ...own, ...[...others, ...secrets].filter(({ name }) => !names.has(name))]
}

/**
 * The kubelet reads `$(NAME)` in a value, and makes one $ of two (`expansion.Expand`); in values from Secrets it does
 * not. Doubled, each $ arrives as it was written.
 */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$')
}
