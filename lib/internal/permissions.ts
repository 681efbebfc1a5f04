/** Node.js's permission model (`--permission`). */
import { LivenessError } from '../errors.js'
import { packageRoot } from './package-root.js'

/** Whether it keeps this process from reading a file. */
export function isReadDenied(path: string): boolean {
  return process.permission !== undefined && !process.permission.has('fs.read', path)
}

/** What is read beside this package: node-gyp-build looks there for Alpine's C library. */
const alsoRead = ['/etc/alpine-release']

/** @param cause what it answered, if it did: a file that it denied is named */
export function deniedByPermissions(what: string, flags: readonly string[], cause?: unknown): LivenessError {
  const resource = (cause as { resource?: unknown } | undefined)?.resource
  const paths = [packageRoot, ...alsoRead]
  if (typeof resource === 'string' && !paths.some((path) => resource.startsWith(path))) paths.push(resource)
  const all = [...flags, ...paths.map((path) => `--allow-fs-read=${path}`)].join(' ')
  return new LivenessError('PERMISSION_MODEL', `Node.js's permission model denies ${what}; start Node.js with ${all}`, {
    cause,
  })
}
