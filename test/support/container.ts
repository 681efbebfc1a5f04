import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { ClaimOptions } from 'shm-liveness'
import { afterEach } from 'vitest'
import { type ProbeResult, probe } from './probe.js'
import { untilHolds } from './until.js'
import { WorkerProcess } from './worker-process.js'

const running = new Set<Container>()

/** A shell line that moves itself into a cgroup beside all others (version 2, else any controller of version 1). */
const joinCgroup = [
  'root=/sys/fs/cgroup; [ -e $root/cgroup.procs ] || for c in $root/*/; do [ -w "$c/cgroup.procs" ] && root=$c && break; done',
  'mkdir -p "$root/shm-liveness-test" && echo $$ > "$root/shm-liveness-test/cgroup.procs" && exec "$@"',
].join('; ')

export interface ContainerOptions {
  /** As a pod's shareProcessNamespace: no PID namespace of its own. */
  shareProcesses?: boolean
  /** Its monotonic and boot clocks, in seconds ahead of the machine's (behind, if negative). */
  clockAheadS?: number
}

let whyNone: string | null | undefined

/** The reason why this machine does not let us make namespaces, if it does not. Tests fail with it: CI runs as root. */
export function whyNoContainers(): string | undefined {
  if (whyNone === undefined) {
    try {
      execFileSync('unshare', ['--mount', '--pid', '--time', '--fork', '--mount-proc', 'true'], { stdio: 'pipe' })
      whyNone = null
    } catch (error) {
      whyNone = `these tests need unshare(1) and the right to use it (root, CAP_SYS_ADMIN): ${error}`
    }
  }
  return whyNone ?? undefined
}

/**
 * What a pod sees of a container: a mount namespace of its own (and so an identity), a PID namespace of its own, and
 * the pod's /dev/shm. Its first process does nothing, so that workers may come and go. Removed after the test.
 */
export class Container {
  readonly wrapper: string[]
  readonly #unshare: ChildProcess
  readonly #mountNamespace: string

  private constructor(unshare: ChildProcess, init: number, options: ContainerOptions) {
    this.#unshare = unshare
    this.#mountNamespace = mountNamespaceOf(init) as string
    running.add(this)
    const namespaces = ['--mount']
    if (!options.shareProcesses) namespaces.push('--pid')
    if (options.clockAheadS !== undefined) namespaces.push('--time')
    const nsenter = ['nsenter', '--target', String(init), ...namespaces, '--']
    // A pod's containers have cgroups of their own; by that they know that PID 1 is not theirs.
    this.wrapper = options.shareProcesses ? ['sh', '-c', joinCgroup, 'sh', ...nsenter] : nsenter
  }

  static async start(options: ContainerOptions = {}): Promise<Container> {
    const why = whyNoContainers()
    if (why !== undefined) throw new Error(why)
    const args = ['--mount', '--fork', '--kill-child=SIGKILL']
    if (!options.shareProcesses) args.push('--pid', '--mount-proc')
    if (options.clockAheadS !== undefined) {
      args.push('--time', '--monotonic', String(options.clockAheadS), '--boottime', String(options.clockAheadS))
    }
    const [command, ...rest] = [
      ...(options.shareProcesses ? ['sh', '-c', joinCgroup, 'sh'] : []),
      ...['unshare', ...args, 'sh', '-c', 'echo up; exec sleep infinity'],
    ] as [string, ...string[]]
    const child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`unshare ${args.join(' ')} ended with ${code}`)
      }),
    ])
    const pid = child.pid as number
    return new Container(child, childrenOf(pid)[0] as number, options)
  }

  /** The probe, run inside as the kubelet would. */
  probe(args: string[]): Promise<ProbeResult> {
    return probe(args, { wrapper: this.wrapper })
  }

  /** A worker inside. Not to be killed by its handle, which is nsenter's: see {@link killInside}. */
  claim(claim: ClaimOptions): Promise<WorkerProcess> {
    return WorkerProcess.claim(claim, { wrapper: this.wrapper })
  }

  /** A shell command inside. */
  run(command: string): string {
    const [nsenter, ...args] = this.wrapper as [string, ...string[]]
    return execFileSync(nsenter, [...args, 'sh', '-c', command], { encoding: 'utf8', stdio: 'pipe' })
  }

  /** Kills all that runs inside, and waits until it is gone. Claims stay in /dev/shm, as after any container. */
  async stop(): Promise<void> {
    if (!running.delete(this)) return
    for (const pid of this.#processes()) kill(pid)
    if (this.#unshare.exitCode === null && this.#unshare.signalCode === null) await once(this.#unshare, 'exit')
    await untilHolds(
      'no process of the container is left',
      () => this.#processes(),
      (left) => left.length === 0,
    )
  }

  #processes(): number[] {
    const all = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
    return all.filter((pid) => mountNamespaceOf(pid) === this.#mountNamespace).map(Number)
  }
}

/** Kills a worker that was started by `Container.claim`, and waits until its locks are gone. */
export async function killInside(worker: WorkerProcess): Promise<void> {
  const [pid = worker.pid] = childrenOf(worker.pid) // of nsenter, where it forked
  kill(pid)
  await worker.gone()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // gone already
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

function mountNamespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`)
  } catch {
    return undefined // gone, or going
  }
}

afterEach(async () => {
  await Promise.all([...running].map((container) => container.stop()))
})
