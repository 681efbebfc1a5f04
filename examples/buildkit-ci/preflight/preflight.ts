import { statusOf } from '../../kata-build-runner/api/api-error.js'
import { error, type Finding, warning } from '../../kata-build-runner/cli/checks/finding.js'
import { RunnerError } from '../../kata-build-runner/model/runner-error.js'
import type { CiConfig } from '../config/ci-schema.js'
import { checkAccess } from './checks/access.js'
import { checkVersion } from './checks/cluster-version.js'
import { checkEmulation } from './checks/emulation.js'
import { checkKata } from './checks/kata.js'
import { checkNamespaces } from './checks/namespaces.js'
import { checkSecrets } from './checks/secrets.js'
import { checkStorage } from './checks/storage.js'
import type { Cluster } from './cluster.js'

type Check = (cluster: Cluster, config: CiConfig) => Promise<Finding[]>

const checks: [what: string, check: Check][] = [
  ['permissions', checkAccess],
  ['namespaces', checkNamespaces],
  ['storage', checkStorage],
  ['Secrets', checkSecrets],
  ['RuntimeClass', checkKata],
  ['binfmt', checkEmulation],
]

/** What is missing before the manifests of a config can run, from what all else needs on. */
export async function* preflight(cluster: Cluster, config: CiConfig): AsyncGenerator<Finding> {
  try {
    yield await checkVersion(cluster, config)
  } catch (failure) {
    // Nobody answers, or not to us: every other check would say the same.
    yield findingOf('API server', failure)
    return
  }
  for (const [what, check] of checks) {
    try {
      yield* await check(cluster, config)
    } catch (failure) {
      yield findingOf(what, failure)
    }
  }
}

function findingOf(what: string, failure: unknown): Finding {
  if (!(failure instanceof RunnerError)) throw failure
  if (statusOf(failure) !== 403) return error(what, failure.message, failure.remedy)
  return warning(what, `not known: ${failure.message}`, 'let somebody ask who may read it')
}
