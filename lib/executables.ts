import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LivenessError } from './errors.js'
import { packageRoot } from './internal/package-root.js'
import { deniedByPermissions, isReadDenied } from './internal/permissions.js'
import { isSupportedPlatform, unsupportedPlatform } from './internal/platform.js'

/** A build of one's own goes before what was shipped, as node-gyp-build has it for the addon. */
function executablePath(name: string): string {
  if (!isSupportedPlatform()) {
    const advice = `For an image, take the files below ${join(packageRoot, 'prebuilds')}.`
    throw unsupportedPlatform(`${name} runs`, advice)
  }
  const places = ['build/Release', `prebuilds/${process.platform}-${process.arch}`]
  const paths = places.map((place) => join(packageRoot, place, name))
  if (isReadDenied(packageRoot)) throw deniedByPermissions(`a look at ${name}`, [])
  const found = paths.find((path) => existsSync(path))
  if (found === undefined) throw new LivenessError('NO_BINARY', `no ${name} in ${paths.join(' or ')}`)
  return found
}

/** The absolute path of the static executable `shm-probe`. @throws LivenessError `NO_BINARY`, `UNSUPPORTED_PLATFORM`, `PERMISSION_MODEL` */
export function probePath(): string {
  return executablePath('shm-probe')
}

/** The absolute path of the static executable `shm-guard`. @throws LivenessError `NO_BINARY`, `UNSUPPORTED_PLATFORM`, `PERMISSION_MODEL` */
export function guardPath(): string {
  return executablePath('shm-guard')
}
