import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Region, type Worker } from 'shm-liveness'
import { afterTests } from '../support/after-tests.js'
import { startGuard } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const compiled = (path: string) => new URL(`../../dist-programs/${path}`, import.meta.url).pathname
const daemonProgram = compiled('test/fixtures/fake-buildkitd.js')
export const ciProgram = compiled('examples/buildkit-ci/main.js')

const folders: string[] = []
afterTests(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export interface SceneOptions {
  /** Of the guard. */
  flags?: string[]
  /** Of the watcher, before those that every scene has. */
  watch?: string[]
}

/** So long that nothing of it passes, unless a test says less. */
const patient: Record<string, string> = { '--api-answer': '60s', '--told-after': '60s', '--ended-after': '120s' }

/** A pod in small: the fake daemon under a guard, and the watcher in a mount namespace of its own, as a sidecar is. */
export class DaemonPod {
  readonly region = uniqueRegion()
  readonly socket: string
  readonly #watchFlags: string[]
  daemonPid = 0
  guard!: Program
  watcher!: Program

  private constructor(watch: string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'bk-'))
    folders.push(folder)
    this.socket = join(folder, 'buildkitd.sock')
    const others = Object.entries(patient).filter(([flag]) => !watch.includes(flag))
    this.#watchFlags = [...watch, ...others.flat()]
  }

  static async start({ flags = [], watch = [] }: SceneOptions = {}): Promise<DaemonPod> {
    const pod = new DaemonPod(watch)
    const notify = ['--notify', '--notify-socket', `${pod.socket}.notify`]
    const guard = ['--region', pod.region, '--watcher', 'builds', ...notify, '--interval', '10ms', '--grace', '1s']
    pod.guard = startGuard([...guard, ...flags, '--', process.execPath, daemonProgram, pod.socket], marked)
    pod.daemonPid = Number(await pod.guard.said('listening'))
    await pod.startWatcher()
    return pod
  }

  async startWatcher(): Promise<void> {
    const place = ['--addr', `unix://${this.socket}`, '--daemon-region', this.region, '--interval', '50ms']
    const command = [process.execPath, ciProgram, 'watch', ...place, ...this.#watchFlags]
    this.watcher = Program.run('unshare', ['--mount', ...command])
    await this.watcher.complained('buildkitd answers')
  }

  /** Has the daemon do something: see the fixture. */
  async tell(line: string): Promise<void> {
    this.guard.tell(line)
    await this.guard.said(line)
  }

  get voice(): Worker | undefined {
    return Region.open(this.region)
      .workers()
      .find(({ name }) => name === 'builds')
  }

  /** Until the watcher has looked so often again. */
  async looks(count: number): Promise<void> {
    const before = this.voice?.beats ?? 0
    await until(`${count} more beats of the watcher`, () => (this.voice?.beats ?? 0) >= before + count)
  }

  async expectDaemonAlive(): Promise<void> {
    await this.tell('begin alive [1/1] RUN true')
  }
}
