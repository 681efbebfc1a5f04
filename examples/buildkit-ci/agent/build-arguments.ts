import { CiError } from '../model/ci-error.js'

export interface ImageBuild {
  /** The builder that the agent made. */
  builder: string
  context: string
  file?: string | undefined
  target?: string | undefined
  tags: readonly string[]
  /** `linux/amd64`, `linux/arm64`. */
  platforms: readonly string[]
  /** `NAME=VALUE`; they stay in the image's history. */
  buildArguments: readonly string[]
  /** `id=npm,src=/run/secrets/npm` or `id=npm,env=NPM_TOKEN`: mounted into the steps that ask for them, in no layer. */
  secrets: readonly string[]
  /** `registry.example/team/app:cache`; undefined: none. */
  cache?: string | undefined
  output: 'push' | 'load' | 'none'
  metadataFile?: string | undefined
}

const secretPattern = /^id=[A-Za-z0-9._-]+,(src=.+|env=[A-Za-z_][A-Za-z0-9_]*)$/

/** The arguments of `buildx` for a build whose progress a program reads. @throws CiError `USAGE` */
export function buildArguments(build: ImageBuild): string[] {
  const { builder, context, file, target, tags, platforms, secrets, cache, output, metadataFile } = build
  for (const secret of secrets) {
    if (secretPattern.test(secret)) continue
    throw new CiError('USAGE', `"${secret}" is not a secret`, 'write id=NAME,src=FILE or id=NAME,env=VARIABLE')
  }
  if (output === 'load' && platforms.length > 1) {
    throw new CiError('USAGE', '--load takes one platform', 'push an image of several platforms to a registry (--push)')
  }
  const each = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value])
  const optional = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value])
  return [
    ...['build', '--builder', builder, '--progress', 'rawjson'],
    ...optional('--file', file),
    ...optional('--target', target),
    ...each('--tag', tags),
    ...(platforms.length === 0 ? [] : ['--platform', platforms.join(',')]),
    ...each('--build-arg', build.buildArguments),
    ...each('--secret', secrets),
    // mode=max: also the layers of stages that are not in the image, or a multi-stage build would find nothing of them.
    ...(cache === undefined
      ? []
      : ['--cache-from', `type=registry,ref=${cache}`, '--cache-to', `type=registry,ref=${cache},mode=max`]),
    ...(output === 'none' ? [] : [`--${output}`]),
    ...optional('--metadata-file', metadataFile),
    context,
  ]
}

const secretName = /(token|passw(or)?d|secret|api_?key|credential)/i

/** The names of build arguments that look like secrets: anyone who pulls the image can read them. */
export function suspectArguments(buildArguments: readonly string[]): string[] {
  return buildArguments.map((argument) => argument.split('=')[0] ?? '').filter((name) => secretName.test(name))
}
