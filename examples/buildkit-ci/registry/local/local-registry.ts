import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Gate } from './gate.js'
import { protect } from './protection.js'
import { collectGarbage, RegistryProcess, type RegistryProgram } from './registry-process.js'

export interface LocalRegistryOptions {
  program: string
  storageDirectory: string
  host: string
  port: number
  /** The longest time from a push's first blob to its manifest; after that it counts as given up. */
  pushWindowMs: number
}

/** What became of a garbage collection. */
export type Collected =
  | { state: 'collected'; blobs: number; protectedBlobs: number; heldMs: number }
  /** Nothing was changed. */
  | { state: 'put off'; why: string }
  | { state: 'failed'; why: string }

const secretFile = 'http-secret'
const pauseMs = 20
/** A commit of a large blob takes a while on some storages. */
const quietLimitMs = 60_000
/** A pull that is still running on the old process gets so long. */
const leaveLimitMs = 600_000

/**
 * Distribution's registry behind a gate, with a garbage collector that corrupts no push: changes wait, the blobs of pushes
 * in flight are protected, what nobody refers to is removed, a new process takes over, and the pushes go on. Pulls, and the
 * bytes of uploads, never wait.
 */
export class LocalRegistry {
  readonly gate: Gate
  readonly #program: RegistryProgram
  readonly #knownFromMs: number
  #process: RegistryProcess
  #leaving: Promise<void>[] = []
  #collecting: Promise<Collected> | undefined
  #isStopping = false
  /** Settles with the reason when the registry's process ends by itself. */
  readonly broken: Promise<string>
  #break: (why: string) => void = () => {}

  private constructor(options: LocalRegistryOptions, program: RegistryProgram, first: RegistryProcess, isNew: boolean) {
    this.#program = program
    this.gate = new Gate(options.pushWindowMs, first)
    // Which pushes began before this process did is not known; in a storage that was empty there were none.
    this.#knownFromMs = isNew ? 0 : performance.now() + options.pushWindowMs
    this.broken = new Promise((resolve) => {
      this.#break = resolve
    })
    this.#process = first
    this.#watch(first)
  }

  static async start(options: LocalRegistryOptions): Promise<LocalRegistry> {
    const { storageDirectory } = options
    await mkdir(storageDirectory, { recursive: true })
    const isNew = !(await readdir(storageDirectory)).includes(secretFile)
    const program = {
      ...{ program: options.program, storageDirectory },
      httpSecret: await secretIn(storageDirectory),
      scratchDirectory: await mkdtemp(join(tmpdir(), 'buildkit-ci-registry-')),
    }
    try {
      const started = new LocalRegistry(options, program, await RegistryProcess.start(program), isNew)
      started.gate.server.listen(options.port, options.host)
      await once(started.gate.server, 'listening')
      return started
    } catch (error) {
      await rm(program.scratchDirectory, { recursive: true, force: true })
      throw error
    }
  }

  get port(): number {
    return (this.gate.server.address() as AddressInfo).port
  }

  answers(): Promise<boolean> {
    return this.#process.answers()
  }

  /** One at a time: a second call gets the result of the first. */
  collect(): Promise<Collected> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined
    })
    return this.#collecting
  }

  async #collect(): Promise<Collected> {
    const { turnstile } = this.gate
    const unknownMs = this.#knownFromMs - performance.now()
    if (unknownMs > 0) {
      const why = `pushes that began before this process are not known for another ${Math.ceil(unknownMs / 1000)} s`
      return { state: 'put off', why }
    }
    const fromMs = performance.now()
    turnstile.close()
    try {
      if (!(await this.#isQuiet())) return { state: 'put off', why: `${turnstile.through} changes did not end` }
      const parts = this.gate.pushes.parts()
      const protection = await protect(this.#process, parts, this.#program.storageDirectory)
      const blobs = await collectGarbage(this.#program)
      // The next process has nothing of what is gone in its memory.
      await this.#replace()
      await protection.end(this.#process)
      return { state: 'collected', blobs, protectedBlobs: protection.blobs, heldMs: performance.now() - fromMs }
    } catch (error) {
      return { state: 'failed', why: (error as Error).message }
    } finally {
      turnstile.open()
    }
  }

  /** Waits for what was let through before. */
  async #isQuiet(): Promise<boolean> {
    const untilMs = performance.now() + quietLimitMs
    while (this.gate.turnstile.through > 0 && performance.now() < untilMs) await sleep(pauseMs)
    return this.gate.turnstile.through === 0
  }

  async #replace(): Promise<void> {
    const next = await RegistryProcess.start(this.#program)
    const old = this.#process
    this.#process = next
    this.gate.use(next)
    this.#watch(next)
    this.#leaving.push(this.#leave(old))
  }

  async #leave(old: RegistryProcess): Promise<void> {
    const untilMs = performance.now() + leaveLimitMs
    while (this.gate.runningAt(old) > 0 && performance.now() < untilMs && !this.#isStopping) await sleep(pauseMs)
    await old.stop()
  }

  #watch(process: RegistryProcess): void {
    void process.ended.then((how) => {
      if (this.#process === process && !this.#isStopping) this.#break(how)
    })
  }

  /** Takes no new connection, and ends once the running requests have. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const closed = once(this.gate.server, 'close')
    this.gate.server.close()
    await this.#collecting
    // A client keeps its connection open after its last request.
    const idle = setInterval(() => this.gate.server.closeIdleConnections(), pauseMs)
    await closed
    clearInterval(idle)
    await Promise.all([this.#process.stop(), ...this.#leaving])
    await rm(this.#program.scratchDirectory, { recursive: true, force: true })
  }
}

/** Kept with the data: an upload that began in one life goes on in the next. */
async function secretIn(storageDirectory: string): Promise<string> {
  const path = join(storageDirectory, secretFile)
  try {
    await writeFile(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
