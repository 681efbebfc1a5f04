import { readYaml } from '../../kata-build-runner/config/read-yaml.js'
import { invalidFile, validated } from '../../kata-build-runner/config/validate.js'
import { interpolated, type Missing } from './interpolation.js'
import { type Project, runsToEnd, type Service, saysReady, serviceOf } from './project.js'
import { composeSchema } from './schema.js'
import { isGuarded } from './watching.js'

const docs = 'docs/tests-without-docker.md'

/**
 * Reads a compose file.
 *
 * @param tests the service whose exit status counts
 * @throws RunnerError `CONFIG_INVALID`, with all that is wrong, and where
 */
export function readCompose(
  text: string,
  where: string,
  tests: string,
  env: Readonly<Record<string, string | undefined>>,
): Project {
  const source = { code: 'CONFIG_INVALID', where, docs } as const
  const file = readYaml(text, source)
  const missing: Missing[] = []
  const value = interpolated(file.value, env, missing)
  const problems = missing.map(({ path, problem }) => ({ line: 1, path: path.join('.'), problem }))
  if (problems.length > 0) throw invalidFile(source, problems)
  const written = validated(composeSchema, { ...file, value }, source)
  const all = new Map(Object.entries(written.services).map(([name, service]) => [name, serviceOf(name, service)]))
  const found: string[] = []
  const services = inOrder(all, tests, found)
  const volumes = Object.keys(written.volumes)
  found.push(...services.flatMap((service) => contradictionsOf(service, services, volumes)), ...portsTaken(services))
  if (found.length > 0) {
    throw invalidFile(
      source,
      found.map((problem) => ({ line: 1, path: 'services', problem })),
    )
  }
  return { name: written.name ?? 'compose', services, tests: services.at(-1) as Service, volumes }
}

/** What the tests need, each after what it depends on. */
function inOrder(all: ReadonlyMap<string, Service>, tests: string, problems: string[]): Service[] {
  const ordered: Service[] = []
  const visit = (name: string, path: readonly string[]): void => {
    const service = all.get(name)
    if (path.includes(name)) problems.push(`depend on each other: ${[...path, name].join(' -> ')}`)
    else if (service === undefined) {
      problems.push(`there is no service "${name}"${path.length === 0 ? '' : `, which ${path.at(-1)} depends on`}`)
    } else if (!ordered.includes(service)) {
      for (const each of service.dependsOn) visit(each.service, [...path, name])
      ordered.push(service)
    }
  }
  visit(tests, [])
  return ordered
}

function contradictionsOf(service: Service, services: readonly Service[], volumes: readonly string[]): string[] {
  const { name, entrypoint, watch, mounts } = service
  const problems: string[] = []
  for (const { service: other, condition } of service.dependsOn) {
    const needed = services.find((each) => each.name === other)
    if (needed === undefined) continue
    if (condition === 'service_healthy' && !saysReady(needed)) {
      problems.push(
        `${name} waits until ${other} is healthy, and ${other} has neither a healthcheck nor x-shm-liveness.ready`,
      )
    }
    if (condition !== 'service_completed_successfully' && runsToEnd(needed, services)) {
      problems.push(`one service waits for the end of ${other}, and ${name} for its start: both cannot be`)
    }
  }
  if (watch !== undefined && isGuarded(watch) && entrypoint === undefined) {
    problems.push(
      `${name} runs under shm-guard, which has to know its program: set entrypoint to the image's own (podman inspect --format '{{.Config.Entrypoint}} {{.Config.Cmd}}' ${service.image})`,
    )
  }
  if (service.health !== undefined && watch?.ready !== undefined) {
    problems.push(`${name} has a healthcheck and x-shm-liveness.ready: one of them has to say when it is ready`)
  }
  for (const { source } of mounts) {
    if ('volume' in source && !volumes.includes(source.volume))
      problems.push(`${name} mounts ${source.volume}, and volumes has no such name; a path begins with . or /`)
  }
  return problems
}

/** In a pod all listen at one address. */
function portsTaken(services: readonly Service[]): string[] {
  const by = new Map<number, string[]>()
  for (const { name, ports } of services) for (const port of ports) by.set(port, [...(by.get(port) ?? []), name])
  return [...by]
    .filter(([, names]) => names.length > 1)
    .map(
      ([port, names]) =>
        `${names.join(' and ')} both have port ${port}: a pod has one network, so give one of them another port`,
    )
}
