import { found } from '../../../kata-build-runner/api/found.js'
import { error, type Finding, ok, warning } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import { binfmtName } from '../../render/names.js'
import type { Cluster } from '../cluster.js'

const what = 'binfmt'

/** Whether nodes have the emulators. Only the DaemonSet knows: its pods are ready while the kernel has them all. */
export async function checkEmulation(cluster: Cluster, { binfmt, namespace, daemon }: CiConfig): Promise<Finding[]> {
  if (binfmt === undefined) return []
  const names = binfmt.architectures.join(', ')
  const set = await found(cluster.daemonSet(binfmtName, namespace))
  if (set === undefined) {
    return [
      warning(what, `whether nodes emulate ${names} is not known yet`, 'apply what `render` writes, and ask again'),
    ]
  }
  const { desiredNumberScheduled = 0, numberReady = 0 } = set.status ?? {}
  if (numberReady < desiredNumberScheduled) {
    const pods = `kubectl -n ${namespace} get pods -l app.kubernetes.io/name=${binfmtName}`
    return [
      error(
        what,
        `${numberReady} of ${desiredNumberScheduled} nodes emulate ${names}`,
        `see which and why: ${pods}, and logs of binfmt-install`,
      ),
    ]
  }
  const vm = daemon.isolation === 'kata' ? '; virtual machines have their own, which the pods check at their start' : ''
  return [ok(what, `all ${desiredNumberScheduled} nodes emulate ${names}${vm}`)]
}
