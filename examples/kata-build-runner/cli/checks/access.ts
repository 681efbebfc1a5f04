import type { BuildApi } from '../../api/build-api.js'
import { RunnerError } from '../../model/runner-error.js'
import { type Permission, permissions } from '../permissions.js'
import { error, type Finding, ok, warning } from './finding.js'

/** Native sidecars, with restartPolicy Always of an init container, are on by default from here on. */
const leastMinor = 29

/** Whether the API server answers, and is not too old. */
export async function checkVersion(api: BuildApi): Promise<Finding> {
  const what = 'API server'
  try {
    const { major, minor, gitVersion } = await api.version()
    const isOld = major === '1' && Number.parseInt(minor, 10) < leastMinor
    return isOld
      ? warning(
          what,
          `it is ${gitVersion}`,
          `from 1.${leastMinor} on docker sidecars work, and stages are told apart exactly`,
        )
      : ok(what, `it answers, and is ${gitVersion}`)
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    return error(what, failure.message, failure.remedy)
  }
}

/** Whether the runner may do all that it does. */
export async function checkPermissions(api: BuildApi, namespace: string): Promise<Finding[]> {
  const what = 'permissions'
  const answers = await Promise.all(permissions.map((permission) => allowed(api, namespace, permission)))
  const missing = permissions.filter((_, index) => answers[index] === false)
  if (missing.length === 0) return [ok(what, `all ${permissions.length} are granted in namespace ${namespace}`)]
  return missing.map(({ verb, group, resource, use }) => {
    const name = group === '' ? resource : `${resource}.${group}`
    return error(
      what,
      `${verb} ${name} is not granted in namespace ${namespace}; it is needed ${use}`,
      'apply rbac.yaml to this namespace, and bind it to whom the kubeconfig names',
    )
  })
}

async function allowed(api: BuildApi, namespace: string, permission: Permission): Promise<boolean> {
  const { group, resource: path, verb, isClusterWide } = permission
  const [resource = '', subresource] = path.split('/')
  const { allowed: isAllowed } = await api.selfSubjectAccessReview({
    ...{ group, resource, verb },
    ...(subresource === undefined ? {} : { subresource }),
    ...(isClusterWide ? {} : { namespace }),
  })
  return isAllowed
}
