import type { V1Container } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import { checkOnceContainer, holderContainer, installerContainer } from './binfmt.js'

/**
 * The emulators of a daemon's own virtual machine, whose kernel no DaemonSet reaches. A kernel without binfmt_misc stops the
 * pod here, and says so: without `binfmt` the emulators of BuildKit's image do, which need no kernel.
 */
export function emulationInVm({ daemon, binfmt }: CiConfig): V1Container[] {
  if (daemon.isolation !== 'kata' || binfmt === undefined) return []
  return [holderContainer(binfmt), installerContainer(binfmt), checkOnceContainer(binfmt)]
}
