/**
 * What a platform's admission leaves of a pod template, and how it is wired then. Never is written what it refuses.
 *
 * Knative Serving (its `main` of August 2026): `validateInitContainers` refuses init containers unless
 * `kubernetes.podspec-init-containers` is enabled; `validateSidecarContainer` refuses probes of containers without ports
 * unless `multi-container-probing` is; the schema of its CRDs has no `terminationGracePeriodSeconds` in probes;
 * `rewriteUserLivenessProbe` sends httpGet to the port that serves, which is not the guard's.
 * `applyDefaultContainerNames` names a container that has no name.
 */
import type { Platform } from './kinds.js'
import { ownerOf, type PodTemplate } from './pod-templates.js'
import { objectsOf } from './shape.js'
import type { Container } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/** What Knative calls the container of a pod that has one without a name (`config-defaults`). */
const knativeContainerName = 'user-container'

/** What a platform calls a container that has no name; undefined: it must have one. */
export function unnamedOf(platform: Platform | undefined): string | undefined {
  return platform === 'knative' ? knativeContainerName : undefined
}

/** Settings as the platform of a template takes them. @throws WiringError `KIND_LIMITED` */
export function settingsFor(template: PodTemplate, settings: WireSettings): WireSettings {
  const owner = ownerOf(template)
  switch (template.platform) {
    case undefined:
      return settings
    case 'cloud-run':
      throw limited(owner, 'Cloud Run execs no probes and takes no init containers', 'leave it out (--container)')
    case 'knative':
      return knativeSettings(owner, settings)
  }
}

function knativeSettings(owner: string, settings: WireSettings): WireSettings {
  if (settings.via === 'httpGet') {
    const reason = 'Knative sends httpGet of liveness to the port that serves, where the guard does not answer'
    throw limited(owner, reason, 'ask by exec (--via exec); the guard may be the entrypoint all the same (--guard)')
  }
  if (settings.installer === undefined) {
    const reason = 'Knative takes no init container, unless its operator has enabled kubernetes.podspec-init-containers'
    const choice =
      'set --installer image, if the executables are in the image, or --installer init-container, if it is enabled'
    throw limited(owner, reason, choice)
  }
  for (const check of ['startup', 'liveness'] as const) {
    const asked = settings[check]
    if (asked !== false && asked?.terminationGracePeriodSeconds !== undefined) {
      throw limited(owner, 'Knative takes no terminationGracePeriodSeconds in probes', `leave it out of --${check}`)
    }
  }
  return { ...settings, hasProbeGrace: false, unnamed: unnamedOf('knative') }
}

/** @throws WiringError `KIND_LIMITED`: a container that may have no probes there */
export function requireProbed(template: PodTemplate, targets: ReadonlySet<Container>): void {
  const containers = objectsOf(template.spec.containers)
  if (template.platform !== 'knative' || containers.length === 1) return
  const sidecar = [...targets].find(({ ports }) => objectsOf(ports).length === 0)
  if (sidecar === undefined) return
  throw limited(
    `${ownerOf(template)}, container "${sidecar.name ?? knativeContainerName}"`,
    'Knative takes probes only of the container that has ports, unless its operator has enabled multi-container-probing',
    'name that container (--container)',
  )
}

function limited(where: string, reason: string, remedy: string): WiringError {
  return new WiringError('KIND_LIMITED', `${where}: ${reason}; ${remedy}`)
}
