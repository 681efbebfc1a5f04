import { stringify } from 'yaml'
import type { Manifest } from './manifest.js'

/** A stream for `kubectl apply -f -`, or to commit. Long commands stay on a line, and nothing is an alias of something else. */
export function yamlOf(manifests: readonly Manifest[]): string {
  return manifests
    .map((manifest) => `---\n${stringify(manifest, { aliasDuplicateObjects: false, lineWidth: 0 })}`)
    .join('')
}
