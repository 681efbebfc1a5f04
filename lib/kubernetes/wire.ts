import { whyNoTemplate } from './kinds.js'
import { podTemplates } from './pod-templates.js'
import { type WireOptions, wireSettings } from './wire-options.js'
import { Wiring } from './wiring.js'
import { WiringError } from './wiring-error.js'

/**
 * Adds to every pod template of an object: the init container that installs the executables and tests them, the volume
 * and its mounts, the probes, each container's region (and port), and on request the guard as entrypoint.
 *
 * `containers` picks the containers; templates that have none of them are left alone, but each must be in some template.
 * Wiring twice changes nothing.
 *
 * @param resource any object with a pod template, a list of such, or a bare pod spec; it is not changed
 * @returns a copy that shares what did not change
 * @throws WiringError if the pod cannot be wired as it is
 * @throws LivenessError `INVALID_OPTION`
 * @example wire(deployment, { containers: ['camera'], guard: { restart: 3 } })
 */
export function wire<Resource extends object>(resource: Resource, options: WireOptions = {}): Resource {
  const wiring = new Wiring(wireSettings(options))
  const templates = podTemplates(resource)
  if (templates.length === 0) {
    const reason = whyNoTemplate(resource) ?? 'wire a Pod, or a kind that makes Pods'
    throw new WiringError('NO_POD_TEMPLATE', `there is no pod template in it; ${reason}`)
  }
  const wired = wiring.wired(resource, templates)
  wiring.requireContainers()
  wiring.requireCommanded()
  return wired
}
