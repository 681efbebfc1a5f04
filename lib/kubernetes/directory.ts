/** Where the executables may be mounted. */
import { invalid } from '../errors.js'

export function requireDirectory(directory: unknown): asserts directory is string {
  const isAbsolute = typeof directory === 'string' && /^(\/(?!\.\.?(\/|$))[^/:\0]+)+$/.test(directory)
  if (!isAbsolute) {
    throw invalid('directory', 'an absolute path without a trailing /, a colon, or . and .. for names', directory)
  }
}

/** What is mounted there, or below, is in the way of the kernel, the runtime or the kubelet. */
const runtimesOwn = ['/dev', '/proc', '/sys', '/run', '/var/run']
/** What the image has there, or below, a volume would hide. */
const imagesOwn = ['/etc', '/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/boot']
/** Here a folder of one's own is fine, but not all of it. */
const shared = ['/home', '/media', '/mnt', '/opt', '/root', '/srv', '/tmp', '/var', '/var/lib', '/var/log', '/var/tmp']

/** A directory that a volume may be mounted at: it hides what is there, and is read-only but for the init container. */
export function requireMountable(directory: unknown): asserts directory is string {
  requireDirectory(directory)
  const at = (place: string): boolean => directory === place
  const under = (place: string): boolean => at(place) || directory.startsWith(`${place}/`)
  const runtimes = runtimesOwn.find(under)
  const taken =
    runtimes === undefined
      ? [...imagesOwn.filter(under), ...shared.filter(at)].map((place) => `what the image has in ${place}`)
      : [`the runtime's own ${runtimes}`]
  if (taken.length > 0) {
    throw invalid(
      'directory',
      `a folder of its own, such as /shm-liveness: a volume there hides ${taken[0]}`,
      directory,
    )
  }
}
