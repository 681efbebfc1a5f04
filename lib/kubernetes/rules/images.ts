/** Rules on the images that a pod needs. */
import { fieldOf } from '../shape.js'
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
  check: (pod) =>
    allPlaced(pod.spec).flatMap(({ container, path }) => {
      const { image } = container
      // With a port it is a registry on each node, as kind and MicroK8s have one.
      if (typeof image !== 'string' || !image.startsWith('localhost/')) return []
      if (fieldOf(container, 'imagePullPolicy') === 'Never') return []
      const message = `no node can pull the image "${image}"`
      return [{ path: [...path, 'image'], container: container.name ?? '', message }]
    }),
}
