import { error, type Finding, ok } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Cluster } from '../cluster.js'

/** Native sidecars, which the watcher is: on by default from here on. */
const sidecarsMinor = 29
/** `securityContext.appArmorProfile`, which a rootless daemon needs; before, it is an annotation that is not written. */
const appArmorMinor = 30

/** Whether the API server takes what is rendered. */
export async function checkVersion(cluster: Cluster, { daemon }: CiConfig): Promise<Finding> {
  const what = 'API server'
  const { major, minor, gitVersion } = await cluster.version()
  const isRootless = daemon.isolation === 'rootless'
  const leastMinor = isRootless ? appArmorMinor : sidecarsMinor
  if (major !== '1' || Number.parseInt(minor, 10) >= leastMinor) return ok(what, `it answers, and is ${gitVersion}`)
  const why = isRootless ? 'field appArmorProfile of a rootless daemon' : 'sidecar that watches the daemon'
  return error(what, `it is ${gitVersion}, and ignores the ${why}`, `upgrade to 1.${leastMinor} or newer`)
}
