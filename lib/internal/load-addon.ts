/** Loading the addon, and why it cannot be loaded: each reason has a code, for each asks for something else. */
import { createRequire } from 'node:module'
import { LivenessError } from '../errors.js'
import { requireLoadable } from './addon-file.js'
import { addonPath, packageRoot } from './package-root.js'
import { deniedByPermissions, isReadDenied } from './permissions.js'

const buildIt = `build it with a C++20 compiler: cd ${packageRoot} && npx node-gyp rebuild`

export function loadAddon(): unknown {
  const require = createRequire(import.meta.url)
  const path = addonPath ?? foundBy(require)
  requireLoadable(path)
  try {
    return require(path)
  } catch (cause) {
    throw loadError(path, cause)
  }
}

function foundBy(require: NodeJS.Require): string {
  let finder: { resolve(folder: string): string }
  try {
    finder = require('node-gyp-build')
  } catch (cause) {
    if (codeOf(cause) !== 'MODULE_NOT_FOUND') throw loadError('node-gyp-build', cause)
    throw new LivenessError(
      'NO_DEPENDENCY',
      `the package node-gyp-build, which finds the addon, is not installed; run npm install where ${packageRoot} is used`,
      { cause },
    )
  }
  // What may not be read is not there to node-gyp-build.
  if (isReadDenied(packageRoot)) throw denied(undefined)
  try {
    return finder.resolve(packageRoot)
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`
    throw new LivenessError('NO_BINARY', `no shm-liveness binary for ${platform}; ${buildIt}`, { cause })
  }
}

function denied(cause: unknown): LivenessError {
  return deniedByPermissions('the addon', ['--allow-addons'], cause)
}

/** Messages of the dynamic loaders of glibc and musl. */
const otherLibrary =
  /cannot open shared object file: No such|version `.*' not found|undefined symbol|symbol not found|Error loading shared library/
const cxxLibrary = /lib(stdc\+\+|gcc_s)\.so/
const refusal = /Permission denied|Operation not permitted|failed to map segment|cannot enable executable/

function loadError(path: string, cause: unknown): LivenessError {
  const message = String((cause as { message?: unknown } | null)?.message ?? cause).split('\n')[0] ?? ''
  if (codeOf(cause) === 'ERR_ACCESS_DENIED') return denied(cause)
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED') {
    if (process.permission !== undefined) return denied(cause)
    const text = 'Node.js was started with --no-addons, and the library is an addon; start it without that flag'
    return new LivenessError('ADDONS_DISABLED', text, { cause })
  }
  if (otherLibrary.test(message) && cxxLibrary.test(message)) {
    const text = `${path} needs the C++ library, which is missing or too old (${message}); install it (Alpine: apk add libstdc++, Debian: apt-get install libstdc++6)`
    return new LivenessError('BINARY_FOREIGN', text, { cause })
  }
  if (otherLibrary.test(message)) {
    const text = `${path} is made for another C library than this machine's (${message}); install the package here, or ${buildIt}`
    return new LivenessError('BINARY_FOREIGN', text, { cause })
  }
  if (refusal.test(message)) {
    const text = `the system refuses to load ${path} (${message}); it must be readable, and not on a noexec file system`
    return new LivenessError('BINARY_REFUSED', text, { cause })
  }
  return new LivenessError('BINARY_BROKEN', `${path} cannot be loaded (${message}); install the package again`, {
    cause,
  })
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code
}
