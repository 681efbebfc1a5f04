import { isDeepStrictEqual } from 'node:util'
import type { Job, KubeObject, Pod, PodSpec } from './objects.js'
import { jobs, pods, type Resource } from './resources.js'
import { conflict, invalid } from './status.js'

/**
 * What a client may not change: the parts of ValidatePodUpdate and ValidateJobUpdate that a build runner can run into.
 * @throws Refusal 409, 422
 */
export function checkUpdate(resource: Resource, before: KubeObject, after: KubeObject): void {
  const { name, namespace, uid } = before.metadata
  if (after.metadata.name !== name || after.metadata.namespace !== namespace)
    throw invalid(resource, name, `metadata.name: Invalid value: "${after.metadata.name}": field is immutable`)
  if (after.metadata.uid !== uid)
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${after.metadata.uid}, UID in object meta: ${uid}`,
    )
  if (resource === pods) checkPod(before as Pod, after as Pod)
  if (resource === jobs) checkJob(before as Job, after as Job)
}

const unchangeable = ({ activeDeadlineSeconds: _, tolerations: __, containers, initContainers, ...rest }: PodSpec) => ({
  ...rest,
  containers: containers.map(({ image: _image, ...container }) => container),
  initContainers: initContainers?.map(({ image: _image, ...container }) => container),
})

function checkPod(before: Pod, after: Pod): void {
  const { name } = before.metadata
  const [was, is] = [before.spec.activeDeadlineSeconds, after.spec.activeDeadlineSeconds]
  const at = `spec.activeDeadlineSeconds: Invalid value: ${is}:`
  if (is === undefined && was !== undefined)
    throw invalid(pods, name, `${at} must not update from a positive integer to nil value`)
  if (is !== undefined && is < 1) throw invalid(pods, name, `${at} must be between 1 and 2147483647, inclusive`)
  if (is !== undefined && was !== undefined && is > was)
    throw invalid(pods, name, `${at} must be less than or equal to previous value`)
  if (!isDeepStrictEqual(unchangeable(before.spec), unchangeable(after.spec)))
    throw invalid(
      pods,
      name,
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    )
}

function checkJob(before: Job, after: Job): void {
  const { name } = before.metadata
  for (const field of ['completions', 'selector', 'completionMode'])
    if (!isDeepStrictEqual(before.spec[field], after.spec[field]))
      throw invalid(
        jobs,
        name,
        `spec.${field}: Invalid value: ${JSON.stringify(after.spec[field])}: field is immutable`,
      )
  if (!isDeepStrictEqual(before.spec.template.spec, after.spec.template.spec))
    throw invalid(jobs, name, 'spec.template: Invalid value: core.PodTemplateSpec{…}: field is immutable')
}
