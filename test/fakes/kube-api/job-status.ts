import type { Job, Pod } from './objects.js'

/** Holds a pod until the Job controller has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'

export const withoutTracking = (pod: Pod): Pod => {
  const { finalizers = [] } = pod.metadata
  if (!finalizers.includes(trackingFinalizer)) return pod
  return { ...pod, metadata: { ...pod.metadata, finalizers: finalizers.filter((each) => each !== trackingFinalizer) } }
}

export const isFinished = ({ status }: Job): boolean =>
  status.conditions?.some((each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True') ??
  false
