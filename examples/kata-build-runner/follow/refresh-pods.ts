import type { BuildApi } from '../api/build-api.js'
import { buildSelector, labels } from '../launch/names.js'
import type { BuildView } from './build-view.js'
import { jobOf } from './fleet.js'

/**
 * Asks for a Job's pods instead of waiting for their feed, which may be behind.
 *
 * @returns how many there are
 */
export async function refreshPods(api: BuildApi, view: BuildView): Promise<number> {
  const pods = await api.listPods(buildSelector(view.job.metadata?.labels?.[labels.build] ?? ''))
  const own = pods.filter((pod) => jobOf(pod) === view.name)
  for (const pod of own) view.setPod(pod)
  return own.length
}
