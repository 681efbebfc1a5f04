import { fieldOf, textOf } from './shape.js'
import type { Container } from './types.js'

/**
 * Whether no node can pull a container's image: its name begins with `localhost/`, as podman and `npm run images` name
 * what they build, and no registry has it. `localhost:5000/…` is one, which nodes may reach (kind, microk8s); a policy
 * of `Never` says that nodes have the image.
 */
export function isUnpullable(container: Container): boolean {
  const isLocal = textOf(container.image)?.startsWith('localhost/') === true
  return isLocal && fieldOf(container, 'imagePullPolicy') !== 'Never'
}
