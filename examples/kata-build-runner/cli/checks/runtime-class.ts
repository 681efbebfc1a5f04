import type { BuildApi } from '../../api/build-api.js'
import { found } from '../../api/found.js'
import type { Executor } from '../../config/executor-config.js'
import { error, type Finding, ok, warning } from './finding.js'

/** Whether the executor's RuntimeClass is there, and says what a virtual machine costs beside its containers. */
export async function checkRuntimeClass(api: BuildApi, { kubernetes }: Executor): Promise<Finding> {
  const name = kubernetes.runtimeClass
  const what = 'RuntimeClass'
  if (name === undefined) {
    return warning(
      what,
      'the executor names none: builds share the kernel of their node',
      'set kubernetes.runtimeClass for virtual machines',
    )
  }
  const runtimeClass = await found(api.readRuntimeClass(name))
  if (runtimeClass === undefined) {
    return error(
      what,
      `there is no RuntimeClass "${name}"`,
      'install Kata Containers (README.md, "Nodes"), or correct kubernetes.runtimeClass',
    )
  }
  const overhead = Object.entries(runtimeClass.overhead?.podFixed ?? {})
  if (overhead.length === 0) {
    return warning(
      what,
      `"${name}" (handler ${runtimeClass.handler}) has no overhead: the scheduler puts more builds on a node than fit`,
      'set overhead.podFixed of the RuntimeClass: kata-deploy has 250m CPU and 320Mi for QEMU, 130Mi for others',
    )
  }
  const words = overhead.map(([resource, quantity]) => `${quantity} ${resource}`).join(', ')
  return ok(what, `"${name}" is there (handler ${runtimeClass.handler}), with an overhead of ${words}`)
}
