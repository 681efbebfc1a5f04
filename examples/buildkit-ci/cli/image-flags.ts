import type { Command } from 'commander'
import type { ImageBuild } from '../agent/build-arguments.js'
import { CiError } from '../model/ci-error.js'

/** What an image is built from, and where it goes. */
export interface ImageFlags {
  builder: string
  file?: string
  target?: string
  tag: string[]
  platform: string[]
  buildArg: string[]
  secret: string[]
  cache?: string
  push?: true
  load?: true
  metadataFile?: string
}

export function withImageFlags(command: Command): Command {
  const builder = process.env['BUILDX_BUILDER'] ?? 'buildkit-ci'
  return command
    .argument('[context]', 'the folder or URL to build', '.')
    .option('--builder <name>', 'the builder', builder)
    .option('-f, --file <file>', 'the Dockerfile')
    .option('--target <stage>', 'the stage to build')
    .option('-t, --tag <name>', 'a name of the image; may be repeated', collected, [])
    .option('--platform <platform>', 'linux/amd64, linux/arm64, …; may be repeated', collected, [])
    .option('--build-arg <name=value>', 'of the Dockerfile; it stays in the history of the image', collected, [])
    .option(
      '--secret <secret>',
      'id=NAME,src=FILE or id=NAME,env=VARIABLE; in no layer; may be repeated',
      collected,
      [],
    )
    .option('--cache <reference>', 'the image in a registry that caches the layers of all stages')
    .option('--push', 'push the image to the registry of its name')
    .option('--load', 'load the image into the local docker')
    .option('--metadata-file <file>', 'where buildx writes the digests, as JSON')
}

function collected(text: string, before: string[]): string[] {
  return [...before, text]
}

/** @throws CiError `USAGE` */
export function imageBuildOf(context: string, flags: ImageFlags): ImageBuild {
  if (flags.push && flags.load) throw new CiError('USAGE', '--push and --load are given', 'choose one of them')
  const { builder, file, target, tag: tags, platform: platforms, buildArg: buildArguments } = flags
  const { secret: secrets, cache, metadataFile } = flags
  const output = flags.push ? 'push' : flags.load ? 'load' : 'none'
  return { builder, context, file, target, tags, platforms, buildArguments, secrets, cache, output, metadataFile }
}
