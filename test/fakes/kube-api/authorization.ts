import { qualified, type Target } from './resources.js'
import { Refusal } from './status.js'

const user = 'system:serviceaccount:builds:runner'

/** Everything is allowed but what a test denies. */
export class Authorization {
  readonly #denied = new Set<string>()

  /** @param resource as RBAC writes it: `jobs`, `pods/log` */
  deny(verb: string, resource: string): void {
    this.#denied.add(`${verb} ${resource}`)
  }
  allow(verb: string, resource: string): void {
    this.#denied.delete(`${verb} ${resource}`)
  }

  /** @throws Refusal 403 */
  check(verb: string, { resource, namespace, name, subresource }: Target): void {
    const plural = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`
    if (!this.#denied.has(`${verb} ${plural}`)) return
    const what =
      name === undefined ? `${qualified(resource)} is forbidden` : `${qualified(resource)} "${name}" is forbidden`
    const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
    throw new Refusal(
      403,
      `${what}: User "${user}" cannot ${verb} resource "${plural}" in API group "${resource.group}" ${scope}`,
      { details: { ...(name === undefined ? {} : { name }), group: resource.group, kind: resource.plural } },
    )
  }

  /** A SelfSubjectAccessReview with its answer. */
  review(review: { spec?: { resourceAttributes?: Record<string, string> } }): object {
    const { verb, resource, subresource } = review.spec?.resourceAttributes ?? {}
    const plural = subresource === undefined ? resource : `${resource}/${subresource}`
    const allowed = !this.#denied.has(`${verb} ${plural}`)
    const reason = allowed ? 'RBAC: allowed by RoleBinding "runner/builds" of Role "runner"' : ''
    return {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: { creationTimestamp: null },
      ...{ spec: review.spec, status: { allowed, ...(reason === '' ? {} : { reason }) } },
    }
  }
}
