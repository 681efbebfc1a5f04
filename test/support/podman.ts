import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { probePath } from 'shm-liveness'
import { afterAll, afterEach, beforeAll } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** What `npm run images` builds here. */
export const images = { programs: 'localhost/shm-liveness:test', worker: 'localhost/shm-liveness-worker:test' }

export interface Result {
  code: number | null
  stdout: string
  stderr: string
}

/**
 * Its own storage, locks and temporary files, so that nothing is left and nobody else's containers are seen. No network
 * but loopback and no raised limits, because the machine may not give any.
 */
const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-podman-'))
/** For what starts podman itself. */
export const podmanEnvironment = {
  CONTAINERS_CONF: join(folder, 'containers.conf'),
  CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
}

const environment = { ...process.env, ...podmanEnvironment }

writeFileSync(
  environment.CONTAINERS_CONF,
  `[containers]
netns = "none"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "${folder}/tmp"
volume_path = "${folder}/volumes"
`,
)
writeFileSync(
  environment.CONTAINERS_STORAGE_CONF,
  `[storage]
driver = "vfs"
graphroot = "${folder}/storage"
runroot = "${folder}/run"
`,
)

/** Runs podman to its end. Never throws over an exit code; a podman that hangs is killed, and its code is null. */
export function podman(args: string[], input = ''): Result {
  const done = spawnSync('podman', args, {
    input,
    env: environment,
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  return { code: done.status, stdout: done.stdout ?? '', stderr: done.stderr ?? String(done.error) }
}

/** As {@link podman}, without waiting: several may run at a time. */
export function podmanMeanwhile(args: string[]): Promise<Result> {
  const options = { env: environment, timeout: 60_000, killSignal: 'SIGKILL' } as const
  return new Promise((resolve) => {
    const child = execFile('podman', args, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

/** As {@link podman}, where anything but success is an error that says what podman said. */
export function podmanDid(args: string[], input = ''): string {
  const done = podman(args, input)
  if (done.code !== 0) throw new Error(`podman ${args.join(' ')}: exit ${done.code}\n${done.stdout}${done.stderr}`)
  return done.stdout
}

/** The folder of an image's files. */
export const unpacked = (image: string): string => podmanDid(['image', 'mount', image]).trim()

/** The files that an image holds. */
export function filesOf(image: string): string[] {
  return readdirSync(unpacked(image), { recursive: true, encoding: 'utf8' }).sort()
}

/** Why no container runs on this machine; undefined, if they do. Asked without an image, whose faults are no excuse. */
function whyNot(): string | undefined {
  for (const program of ['podman', 'runc', 'catatonit']) {
    if (spawnSync(program, ['--version']).error !== undefined)
      return `no ${program} (Debian: apt-get install ${program})`
  }
  const rootFileSystem = sharedFolder('root-file-system')
  copyFileSync(probePath(), join(rootFileSystem, 'shm-probe'))
  const { code, stderr } = podman(['run', '--rm', '--rootfs', rootFileSystem, '/shm-probe', '--version'])
  return code === 0 ? undefined : `podman cannot run a container here: ${stderr.trim()}`
}

/** Set where the tests on podman are to be skipped, which is said loudly: a test that did not run has proved nothing. */
export const whyNoPodman = whyNot()
if (whyNoPodman !== undefined) {
  console.error(`\nSKIPPED the tests on real containers: ${whyNoPodman}\n`)
  rmSync(folder, { recursive: true, force: true }) // where no test runs, no hook does
}

/** What `npm run images` runs, with these arguments. */
export function buildImages(...args: string[]): Result {
  const names = { SHM_LIVENESS_IMAGE: images.programs, SHM_LIVENESS_WORKER_IMAGE: images.worker }
  const done = spawnSync(process.execPath, [join(root, 'scripts/images.mjs'), ...args], {
    env: { ...environment, ...names, CONTAINER_ENGINE: 'podman' },
    encoding: 'utf8',
  })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}

/** Builds the images before the tests of a file; ends all containers after each test, and removes all after the last. */
export function useImages(): void {
  if (whyNoPodman !== undefined) return
  beforeAll(() => {
    const built = buildImages()
    if (built.code !== 0) throw new Error(`the images cannot be built:\n${built.stdout}${built.stderr}`)
  })
  afterEach(() => {
    podmanDid(['pod', 'rm', '--force', '--all', '--time', '0']) // and the containers in it, which are all there are
  })
}

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A folder that containers of any user may write to; removed with all the rest. */
export function sharedFolder(name: string): string {
  const path = join(folder, 'shared', name)
  mkdirSync(path, { recursive: true })
  chmodSync(path, 0o777) // mkdir's mode is subject to the umask
  return path
}
