import { execFile } from 'node:child_process'
import { closeSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { probePath } from '../executables.js'
import { native } from '../internal/native.js'
import { Region } from '../region.js'
import type { VerdictWord } from '../types.js'
import { type Expectation, meets, sayExpected, sayValue, type Value } from './expectation.js'
import type { BankPlace } from './layout.js'
import { differences, type Fields, Snapshot } from './snapshot.js'
import { ProtocolError, WorkerUnderTest } from './worker-under-test.js'

/** The byte that claims are made under; docs/layout.md, "Locks". */
const claimByte = 2 ** 40
const lockByteOf = ({ slot, bank }: BankPlace): number => claimByte + 1 + 2 * slot + bank

export const nowNs = (): bigint => process.hrtime.bigint()

/** CLOCK_BOOTTIME as /proc shows it: in steps of 10 ms, rounded down. */
export function boottimeNs(): bigint {
  const [seconds = '0'] = readFileSync('/proc/uptime', 'latin1').split(' ')
  return BigInt(Math.round(Number(seconds) * 100)) * 10_000_000n
}

/** Between which times a step happened. */
export interface Times {
  since: bigint
  until: bigint
  /** By CLOCK_BOOTTIME, widened by the step of /proc/uptime. */
  sinceBoot: bigint
  untilBoot: bigint
}

export interface Words {
  startup: VerdictWord
  liveness: VerdictWord
  readiness: VerdictWord
}

export interface SceneOptions {
  command: readonly string[]
  directory: string
  region: string
  /** What the worker says that it can do besides. */
  features: ReadonlySet<string>
}

const open = new Set<Scene>()
let isInterrupted = false

/** Takes away the workers and regions of all scenes, for a run that is interrupted. */
export async function endAll(): Promise<void> {
  isInterrupted = true
  await Promise.all([...open].map((scene) => scene.end()))
}

/** One region, the workers in it, and all that was found wrong. */
export class Scene {
  readonly failures: string[] = []
  checks = 0
  readonly path: string
  readonly #workers: WorkerUnderTest[] = []

  constructor(readonly options: SceneOptions) {
    this.path = join(options.directory, options.region)
    open.add(this)
  }

  start(directory = this.options.directory): WorkerUnderTest {
    // Scenarios go on for a moment after an interrupt: a worker would make its region anew.
    if (isInterrupted) throw new ProtocolError('interrupted')
    const { command, region } = this.options
    const worker = new WorkerUnderTest(command, { SHM_LIVENESS_DIR: directory, SHM_LIVENESS_REGION: region })
    this.#workers.push(worker)
    return worker
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()))
    for (const entry of this.entries()) rmSync(join(this.options.directory, entry), { recursive: true, force: true })
    open.delete(this)
  }

  /** The region's file, and the files beside it: those of lock groups, and what a maker left behind. */
  entries(): string[] {
    const { directory, region } = this.options
    return readdirSync(directory).filter((entry) => entry === region || entry.startsWith(`.${region}.`))
  }

  snapshot(): Snapshot {
    return Snapshot.of(this.path)
  }

  /** Does something, and holds all bytes of the region against what must have changed by it, and nothing else. */
  async step(
    what: string,
    act: () => Promise<unknown>,
    expected: (times: Times, after: Snapshot, before: Snapshot) => [BankPlace, Fields][],
  ): Promise<Snapshot> {
    const before = this.snapshot()
    const [since, sinceBoot] = [nowNs(), boottimeNs()]
    await act()
    const [until, untilBoot] = [nowNs(), boottimeNs() + 20_000_000n]
    const after = this.snapshot()
    const changes = new Map(expected({ since, until, sinceBoot, untilBoot }, after, before))
    this.checks++
    this.failures.push(...differences(before, after, changes).map((difference) => `${what}: ${difference}`))
    return after
  }

  same(what: string, found: Value, expected: Expectation): void {
    this.checks++
    if (!meets(found, expected)) this.failures.push(`${what}: is ${sayValue(found)}, expected ${sayExpected(expected)}`)
  }

  /** That exactly these banks are locked, and the claim byte is free. */
  locked(what: string, banks: BankPlace[], slots: number): void {
    const found = native().lockedBytes(this.path, claimByte, 1 + 2 * slots)
    this.same(`${what}: locked bytes, less 2^40`, sayBytes(found), sayBytes(banks.map(lockByteOf)))
  }

  /** Waits until the kernel has dropped the lock of a worker that was killed. */
  async unlocked(what: string, place: BankPlace): Promise<void> {
    const isHeld = (): boolean => native().lockedBytes(this.path, lockByteOf(place), 1).length > 0
    const deadline = nowNs() + 10_000_000_000n
    while (isHeld() && nowNs() < deadline) await pause(2)
    this.same(`${what}: the bank's lock`, isHeld() ? 'held' : 'gone', 'gone')
  }

  /** Locks the claim byte until the answer is called. */
  holdClaimByte(): () => void {
    const fd = native().lockByte(this.path, claimByte)
    if (fd < 0) throw new ProtocolError(`the claim byte cannot be locked (errno ${-fd}): a worker holds it too long`)
    return () => closeSync(fd)
  }

  /** Locks the byte of a bank, as its owner or a stranger would. */
  holdBank(place: BankPlace): () => void {
    const fd = native().lockByte(this.path, lockByteOf(place))
    if (fd < 0) throw new ProtocolError(`the byte of ${JSON.stringify(place)} cannot be locked (errno ${-fd})`)
    return () => closeSync(fd)
  }

  /** The verdicts of the three checks, and what shm-probe says and ends with for liveness. */
  async judged(what: string, words: Words, { grace = '1h' }: { grace?: string } = {}): Promise<void> {
    const { directory, region } = this.options
    const view = Region.open(region, { dir: directory })
    for (const check of ['startup', 'liveness', 'readiness'] as const) {
      const { verdict } = view.verdict({ check, confirm: 0, startupGrace: grace })
      this.same(`${what}: the verdict of ${check}`, verdict, words[check])
    }
    const flags = ['--region', region, '--dir', directory, '--confirm', '0', '--startup-grace', grace]
    const { status, line } = await run(probePath(), flags)
    const isHealthy = words.liveness === 'healthy' || words.liveness === 'starting'
    this.same(`${what}: the exit status of shm-probe`, BigInt(status), isHealthy ? 0n : 1n)
    const wanted = isHealthy ? /^$/ : new RegExp(`^${words.liveness}: `)
    this.same(`${what}: the line of shm-probe`, line, {
      says: String(wanted),
      holds: (text) => wanted.test(String(text)),
    })
  }
}

const sayBytes = (bytes: number[]): string =>
  bytes
    .map((byte) => byte - claimByte)
    .sort((a, b) => a - b)
    .join(' ') || 'none'

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function run(program: string, args: string[]): Promise<{ status: number; line: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { env: {} }, (error, stdout) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : 255, line: stdout.trim() })
    })
  })
}
