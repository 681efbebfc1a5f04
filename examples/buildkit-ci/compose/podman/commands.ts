/** What podman is told, as arguments: no command is run here. */
import { dirname, resolve } from 'node:path'
import { probePath } from 'shm-liveness'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
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
  /** The path of a file with {@link Creation.fileVariables}. */
  variables(service: string): string
}

/**
 * How a container is created. Values of variables are often secret, so none is an argument: every user of the machine
 * can read arguments, and errors show them.
 */
export interface Creation {
  args: string[]
  /** The environment of podman itself, beside its own: `--env NAME` takes the value from there, whatever it is. */
  variables: Record<string, string>
  /** Lines of the file that `--env-file` names: variables that would change what podman itself does. */
  fileVariables: string[]
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

/** @throws RunnerError `CONFIG_INVALID` for a variable that podman cannot be given */
export function createContainer(service: Service, names: Given, { folder }: PodmanOptions): Creation {
  const { command = [], args = [] } = argvOf(service)
  const [program, ...words] = command
  const { user, workingDirectory, mounts, tmpfs, image } = service
  const { variables, fileVariables } = variablesOf(service)
  const argv = [
    ...['create', '--pod', names.pod, '--name', names.container(service.name)],
    ...['--no-hosts', '--volume', `${names.hosts}:/etc/hosts:ro`],
    ...Object.keys(variables).flatMap((name) => ['--env', name]),
    ...(fileVariables.length === 0 ? [] : ['--env-file', names.variables(service.name)]),
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
  return { args: argv, variables, fileVariables }
}

/** Variables that podman, the Go runtime, the C library or a program that podman starts reads. */
const readByPodman =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|NOTIFY_SOCKET|INVOCATION_ID|JOURNAL_STREAM)$|^(?:LC_|LD_|GO|GLIBC_|MALLOC_|XDG_|DBUS_|LISTEN_|SSL_CERT_|SSH_|_?CONTAINER|STORAGE_|PODMAN_|BUILDAH_|DOCKER_|REGISTRY_|REGISTRIES_|OCI_)|_proxy$/i
/** `--env NAME*` copies every variable that begins with NAME. */
const plainName = /^[A-Za-z_][\w.-]*$/
/** The file has one variable a line, and some versions of podman remove quotes. */
const oddInFile = /[\r\n]|^\s*["'`]/

/** @throws RunnerError `CONFIG_INVALID` for a value that the file cannot have */
function variablesOf(service: Service): Omit<Creation, 'args'> {
  const all = Object.entries(environmentOf(service))
  const isForFile = ([name]: [string, string]) => !plainName.test(name) || readByPodman.test(name)
  const odd = all.find((each) => isForFile(each) && oddInFile.test(each[1]))
  if (odd !== undefined) {
    throw new RunnerError(
      'CONFIG_INVALID',
      `service ${service.name} sets ${odd[0]} to a value that podman cannot read: it has several lines, or begins with a quote`,
      'set it to one line without a quote in front, or set it in the entrypoint',
    )
  }
  return {
    variables: Object.fromEntries(all.filter((each) => !isForFile(each))),
    fileVariables: all.filter(isForFile).map(([name, value]) => `${name}=${value}`),
  }
}

/** Asks whether a service is ready; undefined, if it does not say. Exit status 0: it is. */
export function askReady({ name, watch, health }: Service, names: Names): string[] | undefined {
  const exec = ['exec', names.container(name)]
  if (watch?.ready !== undefined) return [...exec, `${programs}/shm-probe`, '--check', 'readiness']
  return health === undefined ? undefined : [...exec, ...health.argv]
}
