import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { TlsFiles } from '../buildkit-api/address.js'
import { CiError } from '../model/ci-error.js'

/** How buildx is started: by itself, or as docker's plugin. */
export type Buildx = readonly [string, ...string[]]

/** @throws CiError `TOOL`, if neither is in PATH */
export async function findBuildx(path = process.env['PATH'] ?? ''): Promise<Buildx> {
  if (await isInPath('buildx', path)) return ['buildx']
  if (await isInPath('docker', path)) return ['docker', 'buildx']
  throw new CiError('TOOL', 'neither buildx nor docker is in PATH', 'install buildx, or name it with --buildx')
}

async function isInPath(program: string, path: string): Promise<boolean> {
  const tries = path.split(delimiter).filter((folder) => folder !== '')
  const found = await Promise.all(
    tries.map((folder) =>
      access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

export interface BuilderOptions {
  name: string
  /** `tcp://HOST:PORT` or `unix:///PATH`. */
  address: string
  tls?: TlsFiles | undefined
}

/** The arguments that make a builder of the remote driver, which attaches to a daemon that runs already. */
export function createArguments({ name, address, tls }: BuilderOptions): string[] {
  const options =
    tls === undefined
      ? []
      : [
          `cacert=${tls.caCert}`,
          `cert=${tls.cert}`,
          `key=${tls.key}`,
          ...(tls.serverName === undefined ? [] : [`servername=${tls.serverName}`]),
        ]
  const driver = options.length === 0 ? [] : ['--driver-opt', options.join(',')]
  return ['create', '--name', name, '--driver', 'remote', ...driver, address]
}

/** Makes the builder anew: one that an earlier life of the agent made may lead to another daemon. @throws CiError `TOOL` */
export async function createBuilder(buildx: Buildx, options: BuilderOptions): Promise<void> {
  await output(buildx, ['rm', options.name])
  const { code, text } = await output(buildx, createArguments(options))
  if (code !== 0) {
    throw new CiError(
      'TOOL',
      `buildx could not make the builder "${options.name}": ${text.trim()}`,
      'check the address and the certificates; run `buildx create` by hand',
    )
  }
}

async function output([program, ...first]: Buildx, args: string[]): Promise<{ code: number | null; text: string }> {
  return await new Promise((resolve, reject) => {
    const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
    child.on('error', (error) => reject(new CiError('TOOL', `cannot run ${program}: ${error.message}`, 'install it')))
    child.on('close', (code) => resolve({ code, text }))
  })
}
