import { LivenessError } from '../errors.js'

/** What the programs are written for (probe/start.hpp). */
const architectures = ['x64', 'arm64']

/** Regions, their locks and the programs that read them are Linux's. */
export function isSupportedPlatform(): boolean {
  return process.platform === 'linux' && architectures.includes(process.arch)
}

/** @param what cannot be done here, as the subject of a sentence @param advice an imperative sentence */
export function unsupportedPlatform(what: string, advice: string): LivenessError {
  const here = `${process.platform}-${process.arch}`
  return new LivenessError(
    'UNSUPPORTED_PLATFORM',
    `${what} only on Linux (${architectures.join(', ')}), and this is ${here}. ${advice}`,
  )
}
