import { validate } from '../../support/schema.js'
import type { KubeObject, Pod } from './objects.js'
import { jobs, namespaces, pods, type Resource, runtimeClasses } from './resources.js'
import { forbidden, invalid, notFound, Refusal } from './status.js'
import type { NewObject, Store } from './store.js'

/** Made for each object that is refused, since the message names it. */
export type Objection = (resource: Resource, name: string) => Refusal

interface Planned {
  plural: string
  name: RegExp
  objection: Objection
}

/** What stands between a create and the store: the schema, the namespace, the RuntimeClass, and what a test plans. */
export class Admission {
  readonly #store: Store
  #planned: Planned[] = []

  constructor(store: Store) {
    this.#store = store
  }

  /** Creates of this kind and name are refused from now on. @returns what ends it */
  refuse(plural: string, name: RegExp, objection: Objection): () => void {
    const planned = { plural, name, objection }
    this.#planned.push(planned)
    return () => {
      this.#planned = this.#planned.filter((each) => each !== planned)
    }
  }

  /** @throws Refusal */
  admit(resource: Resource, object: NewObject): NewObject {
    const { name, namespace } = object.metadata
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.length > (resource === jobs ? 63 : 253))
      throw invalid(
        resource,
        name,
        `metadata.name: Invalid value: "${name}": a lowercase RFC 1123 subdomain is expected`,
      )
    if (namespace !== undefined && this.#store.find(namespaces, undefined, namespace) === undefined)
      throw notFound(namespaces, namespace)
    if (resource === jobs) checkSchema(resource, object as KubeObject)
    const planned = this.#planned.find((each) => each.plural === resource.plural && each.name.test(name))
    if (planned !== undefined) throw planned.objection(resource, name)
    return resource === pods ? this.#withRuntimeClass(object as Pod) : object
  }

  /** The admission plugin RuntimeClass. */
  #withRuntimeClass(pod: Pod): Pod {
    const { runtimeClassName } = pod.spec
    if (runtimeClassName === undefined) return pod
    const found = this.#store.find(runtimeClasses, undefined, runtimeClassName)
    if (found === undefined)
      throw forbidden(pods, pod.metadata.name, `pod rejected: RuntimeClass "${runtimeClassName}" not found`)
    const overhead = found['overhead'] as { podFixed?: object } | undefined
    return overhead?.podFixed === undefined ? pod : { ...pod, spec: { ...pod.spec, overhead: overhead.podFixed } }
  }
}

function checkSchema(resource: Resource, object: KubeObject): void {
  const { uid: _, ...metadata } = object.metadata
  const { status: __, ...rest } = object
  try {
    validate({ ...rest, metadata })
  } catch (error) {
    throw invalid(resource, object.metadata.name, (error as Error).message)
  }
}

/** ResourceQuota: amounts as the message has them, `cpu=2,memory=4Gi`. */
export const exceededQuota =
  (quota: string, amounts: { requested: string; used: string; limited: string }): Objection =>
  (resource, name) =>
    forbidden(
      resource,
      name,
      `exceeded quota: ${quota}, requested: ${amounts.requested}, used: ${amounts.used}, limited: ${amounts.limited}`,
    )

export const violatesPodSecurity =
  (level: string, violations: string): Objection =>
  (resource, name) =>
    forbidden(resource, name, `violates PodSecurity "${level}": ${violations}`)

export const deniedByWebhook =
  (webhook: string, message: string): Objection =>
  () =>
    new Refusal(403, `admission webhook "${webhook}" denied the request: ${message}`, { reason: 'Forbidden' })

export const webhookUnreachable =
  (webhook: string, why = 'context deadline exceeded'): Objection =>
  () =>
    new Refusal(
      500,
      `Internal error occurred: failed calling webhook "${webhook}": failed to call webhook: Post "https://webhook.svc:443/validate?timeout=10s": ${why}`,
    )
