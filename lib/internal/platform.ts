import { LivenessError } from '../errors.js'

/** Regions, their locks and the programs that read them are Linux's. */
export function isSupportedPlatform(): boolean {
  return process.platform === 'linux'
}

/** @param what cannot be done here, as the subject of a sentence @param advice an imperative sentence */
export function unsupportedPlatform(what: string, advice: string): LivenessError {
  const here = `${process.platform}-${process.arch}`
  return new LivenessError('UNSUPPORTED_PLATFORM', `${what} only on Linux, and this is ${here}. ${advice}`)
}
