import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterTests } from '../support/after-tests.js'
import { startGuard } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { ciProgram } from './scene.js'

/** The folder with buildkitd, buildctl and buildx. */
export const binaries = process.env['BUILDKIT_BIN']
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))

const isInPath = (name: string) =>
  `${binaries}:${process.env['PATH']}`.split(':').some((folder) => existsSync(join(folder, name)))

/** Why there are no tests with the real BuildKit; undefined: there are. */
export function whyNotReal(): string | undefined {
  if (binaries === undefined) return 'set BUILDKIT_BIN to a folder with buildkitd, buildctl and buildx'
  const missing = ['buildkitd', 'buildctl'].filter((name) => !existsSync(join(binaries as string, name)))
  if (missing.length > 0) return `${missing.join(' and ')} are not in BUILDKIT_BIN=${binaries}`
  if (process.getuid?.() !== 0) return 'buildkitd needs root here'
  if (!['buildkit-runc', 'runc'].some(isInPath)) return 'install the Debian package runc, or put buildkit-runc there'
  return busybox === undefined ? 'install the Debian package busybox-static: builds need one static program' : undefined
}

/** By either of its names; undefined: it is not there. */
export const buildx = ['buildx', 'docker-buildx']
  .map((name) => join(binaries ?? '/nonexistent', name))
  .find((path) => existsSync(path))

export function whyNotBuildx(): string | undefined {
  return whyNotReal() ?? (buildx === undefined ? `buildx is not in BUILDKIT_BIN=${binaries}` : undefined)
}

const folders: string[] = []
const guards = new Set<Program>()
afterTests(async () => {
  // By SIGTERM: the guard ends the containers of steps with the daemon, and these hold the folders.
  await Promise.all([...guards].map((guard) => guard.kill('SIGTERM')))
  guards.clear()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const folderOf = (prefix: string) => {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  folders.push(folder)
  return folder
}

/** The real buildkitd under a guard, with the watcher beside it. */
export class RealPod {
  readonly region = uniqueRegion()
  readonly socket: string
  guard!: Program
  watcher!: Program

  private constructor(readonly folder: string) {
    this.socket = join(folder, 'buildkitd.sock')
  }

  /** @param daemonFlags more flags of buildkitd, which may name files in the pod's folder */
  static async start(watch: string[] = [], daemonFlags: (folder: string) => string[] = () => []): Promise<RealPod> {
    const pod = new RealPod(folderOf('bkd-'))
    const root = ['--root', join(pod.folder, 'root'), '--addr', `unix://${pod.socket}`]
    // What a daemon that is killed has mounted goes with its namespace.
    const daemon = ['unshare', '--mount', join(binaries as string, 'buildkitd')]
    const command = [...daemon, ...root, '--containerd-worker=false', '--oci-worker=true', ...daemonFlags(pod.folder)]
    const flags = ['--region', pod.region, '--watcher', 'builds', '--notify', '--grace', '5s', '--', ...command]
    pod.guard = startGuard(flags, { ...marked, PATH: `${binaries}:${process.env['PATH']}` })
    guards.add(pod.guard)
    const place = ['--addr', `unix://${pod.socket}`, '--daemon-region', pod.region, '--interval', '200ms']
    pod.watcher = Program.run('unshare', ['--mount', process.execPath, ciProgram, 'watch', ...place, ...watch])
    await until('buildkitd answers', () => {
      if (pod.guard.stderr.includes('exited with')) throw new Error(`buildkitd ended: ${pod.guard.stderr}`)
      return pod.watcher.stderr.includes('buildkitd answers')
    })
    return pod
  }

  /** A build of one step, an applet of busybox, by buildctl. */
  build(run: string, flags: string[] = []): RealBuild {
    return new RealBuild(this.socket, contextOf(`RUN /bin/busybox ${run}`), flags)
  }
}

/** A folder with a Dockerfile that has `line` behind a shell. */
export function contextOf(line: string): string {
  const folder = folderOf('bkc-')
  copyFileSync(busybox as string, join(folder, 'busybox'))
  const shell = 'COPY busybox /bin/busybox\nSHELL ["/bin/busybox", "sh", "-c"]\n'
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\n${shell}${line}\n`)
  return folder
}

export class RealBuild {
  readonly ended: Promise<number | null>
  /** Its progress, as rawjson. */
  stderr = Buffer.alloc(0)

  constructor(socket: string, context: string, flags: string[]) {
    const local = ['--local', `context=${context}`, '--local', `dockerfile=${context}`]
    const args = ['--addr', `unix://${socket}`, 'build', '--progress', 'rawjson', '--frontend', 'dockerfile.v0']
    const child = spawn(join(binaries as string, 'buildctl'), [...args, ...local, ...flags], {
      env: { ...process.env, ...marked },
    })
    child.stderr.on('data', (chunk) => (this.stderr = Buffer.concat([this.stderr, chunk])))
    this.ended = new Promise((resolve) => child.on('close', resolve))
  }

  async shows(text: string): Promise<void> {
    await until(`"${text}" in the progress of buildctl`, () => {
      return this.stderr.includes(text) || (this.stderr.includes('error:') && this.#fail(text))
    })
  }

  #fail(text: string): never {
    throw new Error(`The build ended without "${text}": ${this.stderr}`)
  }
}
