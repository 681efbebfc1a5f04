/**
 * Everything a run leaves lying about, so that it can be taken away again on every path: helper programs (compiled
 * into a temporary folder), processes, regions.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.resolve('shm-liveness/package.json')))

const libcFree = [
  ...['-Os', '-ffreestanding', '-fno-pie', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-ident'],
  ...['-nostdlib', '-static', '-no-pie', '-s', '-Wl,-z,noseparate-code,-z,norelro', '-Wl,--build-id=none'],
]

/** The helper programs of bench/native, each with what g++ needs beside `-std=c++20 -O2`. */
const helpers = {
  clock_floor: [],
  // Bound at the start: else each of the forked processes looks the same symbols up.
  crowd: ['-Wl,-z,now'],
  cpp_beat: [],
  holder: [],
  spawn_compare: [],
  interference: [],
  empty: libcFree,
  empty_libc: ['-static', '-s'],
  timer_floor: [],
  stall_target: [],
  starved_target: [],
  death_target: [],
  pour: [],
} satisfies Record<string, string[]>

export type Helper = keyof typeof helpers

export interface Process {
  child: ChildProcess
  /** Resolves to its output; rejects if it does not exit with 0. */
  output: Promise<string>
}

export class Session {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shm-liveness-bench-'))
  readonly #regions = `bench-${process.pid}-`
  readonly #running = new Set<ChildProcess>()
  readonly #compiled = new Map<Helper, Promise<string>>()
  #regionCount = 0

  constructor(readonly quick: boolean) {}

  /** A region's name that nobody else has; the region goes with the session. */
  newRegion(): string {
    return `${this.#regions}${this.#regionCount++}`
  }

  temporaryFile(name: string): string {
    return join(this.#directory, name)
  }

  /** `accepted`: exit codes that are no failure, beside 0. */
  start(command: string, args: readonly string[], accepted: readonly number[] = []): Process {
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' } // nothing of ours: SHM_LIVENESS_… would steer the workers
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.#running.add(child)
    let text = ''
    let errors = ''
    child.stdout.on('data', (data) => {
      text += data
    })
    child.stderr.on('data', (data) => {
      errors += data
    })
    const output = new Promise<string>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        this.#running.delete(child)
        if (code === 0 || accepted.includes(code ?? 0)) resolve(text)
        else reject(new Error(`${command} ended with ${code ?? signal}: ${errors.trim()}`))
      })
    })
    output.catch(() => {}) // whoever awaits it hears of it
    return { child, output }
  }

  run(command: string, args: readonly string[], accepted: readonly number[] = []): Promise<string> {
    return this.start(command, args, accepted).output
  }

  /** One of the programs of bench/programs, in a Node of its own. */
  startNode(program: string, args: readonly string[], flags: readonly string[] = []): Process {
    const path = fileURLToPath(new URL(`../programs/${program}.js`, import.meta.url))
    return this.start(process.execPath, [...flags, path, ...args])
  }

  runNode(program: string, args: readonly string[], flags: readonly string[] = []): Promise<string> {
    return this.startNode(program, args, flags).output
  }

  /** The path of a helper program, compiled at its first use. */
  helper(name: Helper): Promise<string> {
    const known = this.#compiled.get(name)
    if (known !== undefined) return known
    const path = this.temporaryFile(name)
    const flags = ['-std=c++20', '-O2', `-I${join(root, 'native')}`, ...helpers[name]]
    const compiled = this.run('g++', [...flags, join(root, 'bench/native', `${name}.cc`), '-o', path]).then(() => path)
    this.#compiled.set(name, compiled)
    return compiled
  }

  async runHelper(name: Helper, args: readonly (string | number)[]): Promise<string> {
    return this.run(await this.helper(name), args.map(String))
  }

  /** Lets `use` have a region in which so many workers beat. */
  async withWorkers<T>(
    count: number,
    use: (region: string) => Promise<T>,
    { maxAgeMs = 60_000, beatMs = 1_000 }: { maxAgeMs?: number; beatMs?: number } = {},
  ): Promise<T> {
    const region = this.newRegion()
    const { child, output } = this.start(await this.helper('holder'), [region, count, maxAgeMs, beatMs].map(String))
    await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), output])
    try {
      return await use(region)
    } finally {
      child.stdin?.end()
      await output
    }
  }

  /** May be called at any moment, and again. */
  end(): void {
    for (const child of this.#running) child.kill('SIGKILL')
    for (const file of readdirSync('/dev/shm')) {
      // Regions, and the lock files of large ones.
      if (file.replace(/^\./, '').startsWith(this.#regions)) rmSync(join('/dev/shm', file), { force: true })
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
