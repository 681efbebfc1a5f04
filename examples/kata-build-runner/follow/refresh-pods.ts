import type { BuildApi } from '../api/build-api.js'
import type { BuildView } from './build-view.js'
import { podsOf } from './delete-idle.js'

/**
 * Asks for a Job's pods instead of waiting for their feed, which may be behind.
 *
 * @returns how many there are
 */
export async function refreshPods(api: BuildApi, view: BuildView): Promise<number> {
  const pods = await podsOf(api, view.job)
  for (const pod of pods) view.setPod(pod)
  return pods.length
}
