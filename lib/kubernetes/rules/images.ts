/** Rules on the images that a pod is made of. */
import { isUnpullable } from '../image.js'
import { textOf } from '../shape.js'
import { type Rule, withPaths } from './rule.js'

export const localImage: Rule = {
  id: 'local-image',
  severity: 'warning',
  reason:
    'No registry has an image of localhost/: a node that it was not imported on cannot pull it, and the pod never starts.',
  remedy:
    'Push it to a registry and write its whole name (wire --image), or set imagePullPolicy: Never where nodes have it.',
  check: ({ spec }) =>
    (['initContainers', 'containers'] as const)
      .flatMap((field) => withPaths(spec[field], field))
      .filter(({ container }) => isUnpullable(container))
      .map(({ container, path }) => ({
        path: [...path, 'image'],
        container: textOf(container.name),
        message: `no registry has the image ${container.image}`,
      })),
}
