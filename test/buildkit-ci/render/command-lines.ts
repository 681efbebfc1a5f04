import { podTemplates } from 'shm-liveness/kubernetes'
import type { Manifest } from '../../../examples/buildkit-ci/render/manifest.js'

export function containersOf(manifests: readonly Manifest[]) {
  return podTemplates({ kind: 'List', items: manifests }).flatMap(({ name, spec }) =>
    [...(spec.initContainers ?? []), ...spec.containers].map((container) => ({
      name: `${name}/${container.name}`,
      container,
    })),
  )
}

export interface CommandLine {
  /** The pod and its container. */
  name: string
  /** Of `buildkit-ci`, without its own name. */
  args: string[]
}

/** How manifests start this program, also behind a guard. */
export function commandLinesOf(manifests: readonly Manifest[]): CommandLine[] {
  return containersOf(manifests).flatMap(({ name, container }) => {
    const command = (container.command ?? []) as string[]
    const start = command.indexOf('buildkit-ci')
    return start < 0 ? [] : [{ name, args: command.slice(start + 1) }]
  })
}
