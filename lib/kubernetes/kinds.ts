/**
 * Kinds that make pods and take less than a pod template has, or have none.
 *
 * Others that are known to take all of it: JobSet, LeaderWorkerSet, Argo's Rollout, OpenKruise's workloads, KEDA's
 * ScaledJob (`jobTargetRef` is a Job's spec), Agones, Kubeflow's training jobs, KubeRay.
 */
import { type Fields, isFields, textOf } from './shape.js'

/** A platform whose admission refuses parts of a pod template. */
export type Platform = 'knative' | 'cloud-run'

const knativeKinds = ['Service', 'Configuration', 'Revision']

/** Whose pod template an object has; undefined: Kubernetes' own, whole. */
export function platformOf(resource: Fields): Platform | undefined {
  const group = groupOf(resource)
  if (group === 'run.googleapis.com') return 'cloud-run'
  if (group !== 'serving.knative.dev' || !knativeKinds.includes(textOf(resource['kind']) ?? '')) return undefined
  return isOfCloudRun(resource) ? 'cloud-run' : 'knative'
}

/** Cloud Run's services have Knative's kind, and names of its own in their metadata. */
function isOfCloudRun({ metadata }: Fields): boolean {
  const { annotations, labels } = isFields(metadata) ? metadata : {}
  const names = [annotations, labels].flatMap((map) => (isFields(map) ? Object.keys(map) : []))
  return names.some((name) => name.startsWith('run.googleapis.com/') || name === 'cloud.googleapis.com/location')
}

function groupOf(resource: Fields): string {
  return (textOf(resource['apiVersion']) ?? '').split('/')[0] ?? ''
}

/** `Revision` is a pod spec with a few more fields. */
export function isRevision(resource: Fields): boolean {
  return resource['kind'] === 'Revision' && groupOf(resource) === 'serving.knative.dev'
}

/** Kinds that make pods without a pod template, by their groups; and why they cannot be wired. */
const withoutTemplate: [group: string, kinds: readonly string[], reason: string][] = [
  [
    'argoproj.io',
    ['Workflow', 'WorkflowTemplate', 'ClusterWorkflowTemplate', 'CronWorkflow'],
    'its steps are containers without a pod template; write probes into them, with the executables in their images',
  ],
  [
    'tekton.dev',
    ['Task', 'ClusterTask', 'TaskRun', 'Pipeline', 'PipelineRun'],
    'its steps take no probes; run a step by shm-guard, which must be in its image',
  ],
  ['apps.kruise.io', ['SidecarSet'], 'it adds containers to pods of others; wire those'],
  [
    'serving.kserve.io',
    ['InferenceService', 'ServingRuntime', 'ClusterServingRuntime'],
    'KServe makes a pod or a Knative Service of it; write probes into its container, with the executables in the image',
  ],
]

/** Why an object that makes pods has no pod template; undefined for all others. */
export function whyNoTemplate(resource: unknown): string | undefined {
  if (!isFields(resource)) return undefined
  const [group, kind] = [groupOf(resource), textOf(resource['kind']) ?? '']
  return withoutTemplate.find(([of, kinds]) => of === group && kinds.includes(kind))?.[2]
}
