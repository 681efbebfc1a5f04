import { found } from '../../../kata-build-runner/api/found.js'
import { error, type Finding, ok, warning } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import { enforceLabel, type PodSecurityLevel, podSecurityLevels } from '../../render/access/namespaces.js'
import type { Cluster } from '../cluster.js'

const order = ['privileged', 'baseline', 'restricted']

/** Whether each namespace is there, or is rendered, and admits its pods. */
export async function checkNamespaces(cluster: Cluster, config: CiConfig): Promise<Finding[]> {
  const levels = [...podSecurityLevels(config)]
  return await Promise.all(levels.map(([name, level]) => checkNamespace(cluster, config, name, level)))
}

async function checkNamespace(
  cluster: Cluster,
  config: CiConfig,
  name: string,
  level: PodSecurityLevel,
): Promise<Finding> {
  const { createNamespaces } = config
  const what = `namespace ${name}`
  const namespace = await found(cluster.namespace(name))
  if (namespace === undefined) {
    return createNamespaces
      ? ok(what, 'it is not there yet; `render` makes it')
      : error(what, 'it is not there', `kubectl create namespace ${name}, or set createNamespaces: true`)
  }
  const enforced = namespace.metadata?.labels?.[enforceLabel]
  const label = `kubectl label --overwrite namespace ${name} ${enforceLabel}=${level}`
  const remedy = createNamespaces ? `apply what \`render\` writes of it, or ${label}` : label
  if (enforced !== undefined && order.indexOf(enforced) > order.indexOf(level)) {
    return error(what, `its Pod Security level is ${enforced}, and its pods need ${level}`, remedy)
  }
  const withJobs = name === config.agentNamespace ? agentsWithJobs(config) : []
  if (enforced === 'privileged' && withJobs.length > 0) {
    // A process that can create a privileged Job is root on the node.
    return error(what, `its Pod Security level is privileged, and ${withJobs.join(', ')} may run Jobs in it`, remedy)
  }
  if (enforced === undefined) {
    return warning(
      what,
      "it has no Pod Security level: the cluster's default decides, which preflight cannot see",
      `kubectl label namespace ${name} ${enforceLabel}=${level}`,
    )
  }
  return ok(what, `it is there, and admits what it needs (Pod Security level ${enforced})`)
}

function agentsWithJobs({ agents }: CiConfig): string[] {
  return Object.keys(agents).flatMap((name) => (agents[name]?.jobs ? [`agents.${name}`] : []))
}
