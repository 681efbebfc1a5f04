import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import type { BuildView } from './build-view.js'

/**
 * Deletes the Job of a view, and no other of its name. `Background`: the garbage collector deletes the pod, which has its
 * grace. (No propagation policy at all would orphan the pod.)
 */
export async function deleteJob(api: BuildApi, view: BuildView): Promise<void> {
  try {
    await api.deleteJob(view.name, { uid: view.job.metadata?.uid, propagation: 'Background' })
  } catch (error) {
    const status = statusOf(error)
    // 404: it is gone. 409: so it is, and another has its name.
    if (status !== 404 && status !== 409) throw error
  }
}
