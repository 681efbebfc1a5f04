/** Wiring all that is asked for at once: one object, or a stream of documents. */
import { allContainers, portsInUse } from './guard.js'
import { withInstaller } from './installer.js'
import { requireProbed, settingsFor, unnamedOf } from './limits.js'
import { ownerOf, type PodTemplate } from './pod-templates.js'
import { objectsOf, withAt } from './shape.js'
import type { Container, PodSpec } from './types.js'
import { requireWellFormed } from './well-formed.js'
import { isWindows } from './windows.js'
import { hasCommand, takesCommand, wireContainer } from './wire-container.js'
import type { WireSettings } from './wire-options.js'
import { nameOf, targetsOf } from './wire-targets.js'
import { WiringError } from './wiring-error.js'

/** Pods wired with the same settings, and what only all of them together show. */
export class Wiring {
  /** Containers of any kind, by their names. */
  readonly #seen = new Set<string>()
  /** Who was given `settings.command`, and who needed none; one that has it already is neither. */
  readonly #commanded: string[] = []
  readonly #uncommanded: string[] = []
  #hasCommand = false

  constructor(readonly settings: WireSettings) {}

  /** Whether one of these pods is to be wired. */
  hasTarget(templates: readonly PodTemplate[]): boolean {
    return templates.some((template) => this.#isWanted(template))
  }

  /**
   * A resource with those of its pods wired that have one of the containers named, or all, if none are named.
   *
   * @param templates of the resource, all of them
   * @throws WiringError
   */
  wired<Resource>(resource: Resource, templates: readonly PodTemplate[]): Resource {
    for (const name of templates.flatMap(namesIn)) this.#seen.add(name)
    return templates
      .filter((template) => this.#isWanted(template))
      .reduce((wired, template) => withAt(wired, template.path, this.#wiredSpec(template)), resource)
  }

  /** Why a container that was named is in none of the pods, if one is not. Call it behind the last. */
  whyMissing(): string | undefined {
    const { containers } = this.settings
    const missing = Array.isArray(containers) ? containers.filter((name) => !this.#seen.has(name)) : []
    if (missing.length === 0) return undefined
    const there = this.#seen.size === 0 ? 'there is no pod template' : `they have ${listed([...this.#seen])}`
    return `no pod has a container ${listed(missing.map((name) => `"${name}"`))}, ${there}`
  }

  /** Call it behind the last. @throws WiringError a name that no container has */
  requireContainers(): void {
    const reason = this.whyMissing()
    if (reason !== undefined) throw new WiringError('CONTAINER_MISSING', `${reason}; name one that is there`)
  }

  /** Call it behind the last. @throws WiringError a command for several containers, or none */
  requireCommanded(): void {
    if (this.#commanded.length > 1) {
      throw new WiringError(
        'COMMAND_UNKNOWN',
        `the command (--command) is what one image runs, and would go to ${this.#commanded.length} containers that have ` +
          `none: ${listed(this.#commanded)}; wire one of them at a time (--container), or write command: in the pods`,
      )
    }
    const isIdle = this.settings.command !== undefined && this.#commanded.length === 0 && !this.#hasCommand
    if (isIdle && this.#uncommanded.length > 0) {
      throw new WiringError(
        'COMMAND_EXISTS',
        `the command (--command) is for a container that has none, and all have one: ${listed(this.#uncommanded)}; ` +
          'leave it out, or change command: in the pod',
      )
    }
  }

  #isWanted(template: PodTemplate): boolean {
    const { containers } = this.settings
    if (containers === undefined || containers === 'all') return true
    return namesIn(template).some((name) => containers.includes(name))
  }

  #wiredSpec(template: PodTemplate): PodSpec {
    const { spec } = template
    const owner = ownerOf(template)
    if (isWindows(spec)) {
      throw new WiringError('WINDOWS', `${owner}: it runs on Windows, where there is no /dev/shm; leave it out`)
    }
    const settings = settingsFor(template, this.settings)
    const targets = targetsOf(spec, settings, owner)
    requireProbed(template, targets)
    requireWellFormed(spec, targets, owner)
    const ports = portsInUse(spec, settings.port === undefined ? new Set() : targets)
    const wired = (container: Container): Container => {
      if (!targets.has(container)) return container
      const where = `${owner}, container "${nameOf(container, settings.unnamed)}"`
      if (hasCommand(container, settings)) this.#hasCommand = true
      else (takesCommand(container, settings) ? this.#commanded : this.#uncommanded).push(where)
      return wireContainer(container, spec, settings, ports, where)
    }
    const containers = spec.containers.map(wired)
    if (!spec.initContainers && settings.installer === 'image') return { ...spec, containers }
    const initContainers = objectsOf(spec.initContainers).map(wired)
    return withInstaller({ ...spec, containers, initContainers }, settings, owner)
  }
}

/** Of containers of any kind. */
function namesIn({ spec, platform }: PodTemplate): string[] {
  return allContainers(spec).flatMap((container) => nameOf(container, unnamedOf(platform)) ?? [])
}

const mostListed = 10

function listed(texts: readonly string[]): string {
  if (texts.length === 0) return 'none'
  const rest = texts.length - mostListed
  return [...texts.slice(0, mostListed), ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')
}
