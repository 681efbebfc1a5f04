import { found } from '../../../kata-build-runner/api/found.js'
import { error, type Finding, ok, warning } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import { runtimeClassOf } from '../../render/daemon/runtime-class.js'
import type { Cluster } from '../cluster.js'

const what = 'RuntimeClass'

/** Whether the class of a daemon in a virtual machine is there, and says what the machine costs. */
export async function checkKata(cluster: Cluster, { daemon }: CiConfig): Promise<Finding[]> {
  const name = runtimeClassOf(daemon)
  if (name === undefined) return []
  const runtimeClass = await found(cluster.runtimeClass(name))
  if (runtimeClass === undefined) {
    return [
      error(what, `there is no RuntimeClass "${name}"`, 'install Kata Containers, or correct daemon.runtimeClass'),
    ]
  }
  const overhead = Object.entries(runtimeClass.overhead?.podFixed ?? {})
  if (overhead.length === 0) {
    const text = `"${name}" (handler ${runtimeClass.handler}) has no overhead: the scheduler puts more on a node than fits`
    return [
      warning(what, text, 'set overhead.podFixed of the RuntimeClass: kata-deploy has 250m CPU and 320Mi for QEMU'),
    ]
  }
  const words = overhead.map(([resource, quantity]) => `${quantity} ${resource}`).join(', ')
  return [ok(what, `"${name}" is there (handler ${runtimeClass.handler}), with an overhead of ${words}`)]
}
