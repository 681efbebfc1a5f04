/** Rules on the images that a pod needs. */
import { isUnpullable } from '../image.js'
import { allPlaced, type Rule } from './rule.js'

export const imageNotPullable: Rule = {
  id: 'image-not-pullable',
  severity: 'warning',
  reason:
    'An image whose name begins with localhost/ is in no registry. A node cannot pull it, and the pod waits in ' +
    'ImagePullBackOff, unless the image was imported on each node.',
  remedy:
    'Push the image to a registry that the nodes reach, and name it (wire --image); where it is imported on each node, ' +
    'set imagePullPolicy: Never.',
  check: ({ spec }) =>
    allPlaced(spec)
      .filter(({ container }) => isUnpullable(container))
      .map(({ container, path }) => ({
        path: [...path, 'image'],
        container: container.name ?? '',
        message: `no node can pull the image "${container.image}"`,
      })),
}
