import { invalid } from '../errors.js'
import type { RegionOptions } from '../types.js'
import type { NativePlace } from './native.js'

function variable(name: string): string | undefined {
  const value = process.env[`SHM_LIVENESS_${name}`]
  return value === '' ? undefined : value
}

function isSwitchedOn(name: string): boolean {
  const value = variable(name)
  return value === '1' || value === 'true'
}

/** Where a region is: as the options say, else as the environment does (the probe reads the same variables). */
export function placeOf(options: RegionOptions & { region?: string | undefined }): NativePlace {
  const {
    region = variable('REGION') ?? 'default',
    dir = variable('DIR') ?? '/dev/shm',
    allowDisk = isSwitchedOn('ALLOW_DISK'),
  } = options
  if (typeof region !== 'string') throw invalid('region', 'a name', region)
  if (typeof dir !== 'string' || dir === '') throw invalid('dir', 'a directory', dir)
  if (typeof allowDisk !== 'boolean') throw invalid('allowDisk', 'true or false', allowDisk)
  return { directory: dir, region, allowDisk }
}
