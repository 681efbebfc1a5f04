/** What podman is told, as arguments: no command is run here. */
import { dirname, resolve } from 'node:path'
import { probePath } from 'shm-liveness'
import type { Project, Service } from '../project.js'
import { argvOf, environmentOf, programs } from '../watching.js'

export interface PodmanOptions {
  /** `--network` of the pod; undefined: podman's default. */
  network?: string | undefined
  /** Relative paths of the compose file begin here. */
  folder: string
}

/** What containers of one run are given. */
export interface Given extends Names {
  /** The path of a file with {@link hostsOf}. */
  hosts: string
}

/** Names of what one run makes. */
export interface Names {
  pod: string
  container(service: string): string
  volume(name: string): string
}

export function namesOf({ name }: Project, run: string): Names {
  const pod = `${name}-${run}`
  return { pod, container: (service) => `${pod}-${service}`, volume: (volume) => `${pod}-${volume}` }
}

/** One network and one /dev/shm for all. */
export function createPod({ pod }: Names, { network }: PodmanOptions): string[] {
  const mode = network === undefined ? [] : ['--network', network]
  return ['pod', 'create', '--name', pod, '--share', 'ipc,net,uts', ...mode]
}

/** `/etc/hosts`: each service's name is this pod. Podman 4 leaves a pod's `--add-host` out where it has no network. */
export function hostsOf({ services }: Project): string {
  const names = ['localhost', ...services.map(({ name }) => name)].join(' ')
  return `127.0.0.1 ${names}\n::1 localhost\n`
}

export function createContainer(service: Service, names: Given, { folder }: PodmanOptions): string[] {
  const { command = [], args = [] } = argvOf(service)
  const [program, ...words] = command
  const { user, workingDirectory, mounts, tmpfs, image } = service
  return [
    ...['create', '--pod', names.pod, '--name', names.container(service.name)],
    ...['--no-hosts', '--volume', `${names.hosts}:/etc/hosts:ro`],
    ...Object.entries(environmentOf(service)).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...(user === undefined ? [] : ['--user', user]),
    ...(workingDirectory === undefined ? [] : ['--workdir', workingDirectory]),
    ...tmpfs.flatMap((path) => ['--tmpfs', path]),
    ...mounts.flatMap(({ source, target, isReadOnly }) => {
      const from = 'volume' in source ? names.volume(source.volume) : resolve(folder, source.path)
      return ['--volume', `${from}:${target}${isReadOnly ? ':ro' : ''}`]
    }),
    ...(service.watch === undefined ? [] : ['--volume', `${dirname(probePath())}:${programs}:ro`]),
    ...(program === undefined ? [] : ['--entrypoint', JSON.stringify([program])]),
    ...[image, ...words, ...args],
  ]
}

/** Asks whether a service is ready; undefined, if it does not say. Exit status 0: it is. */
export function askReady({ name, watch, health }: Service, names: Names): string[] | undefined {
  const exec = ['exec', names.container(name)]
  if (watch?.ready !== undefined) return [...exec, `${programs}/shm-probe`, '--check', 'readiness']
  return health === undefined ? undefined : [...exec, ...health.argv]
}
