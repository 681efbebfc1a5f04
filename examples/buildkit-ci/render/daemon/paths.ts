/** Where things are in the pod of a daemon. */
import type { CiConfig } from '../../config/ci-schema.js'

export type Isolation = CiConfig['daemon']['isolation']

export const configDirectory = '/etc/buildkit'
export const configPath = `${configDirectory}/buildkitd.toml`
export const tlsDirectory = '/etc/buildkit-tls'
export const socketDirectory = '/run/buildkit'
export const socketAddress = `unix://${socketDirectory}/buildkitd.sock`
/** Where the daemon tells its guard that it is ready. Steps share the pod's network, so an abstract socket would hear them. */
export const notifySocket = `${socketDirectory}/notify.sock`
/** Of the device that a Kata pod has in place of a folder. */
export const devicePath = '/dev/buildkit-data'

/** As the images have it (`VOLUME`). */
export function dataDirectory(isolation: Isolation): string {
  return isolation === 'rootless' ? '/home/user/.local/share/buildkit' : '/var/lib/buildkit'
}

/** Of the rootless image, which cannot be changed without building it anew. */
export const plainUser = 1000
