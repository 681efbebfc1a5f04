import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Behaviour, FakeApiServer } from './fake-api-server.js'

const root = join(import.meta.dirname, '../../..')

/** One file of the tests on a cluster, as `npm run test:cluster -- NAME` starts it, on an API server of our own. */
export class Run {
  /** Of both streams. */
  output = ''
  readonly #closed: Promise<number | null>

  private constructor(
    readonly child: ChildProcess,
    readonly server: FakeApiServer,
    readonly folder: string,
  ) {
    child.stdout?.on('data', (data) => (this.output += data))
    child.stderr?.on('data', (data) => (this.output += data))
    // The janitor has these streams, too: they are closed once it is done.
    this.#closed = once(child, 'close').then(([code]) => code)
  }

  /** @param atTheEnd of the test: a test that runs beside others must give its own */
  static async start(
    file: string,
    behaviour: Behaviour,
    env: Record<string, string> = {},
    atTheEnd: (remove: () => Promise<void>) => void = onTestFinished,
  ): Promise<Run> {
    const server = await FakeApiServer.start(behaviour)
    const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-run-'))
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, server.kubeconfig)
    const child = spawn(process.execPath, [join(root, 'scripts/test-cluster.mjs'), file], {
      cwd: root,
      env: {
        ...{ PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
        ...{ KUBECONFIG: kubeconfig, SHM_LIVENESS_NAMESPACE_PREFIX: 'mine', ...env },
      },
      detached: true, // a process group of its own, as a terminal's foreground has
    })
    const run = new Run(child, server, folder)
    atTheEnd(() => run.remove())
    return run
  }

  /** Its exit code; null, if a signal ended it. */
  ended(): Promise<number | null> {
    return this.#closed
  }

  /** To the whole process group, as a terminal does. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(-(this.child.pid as number), name)
    } catch {} // gone already
  }

  async remove(): Promise<void> {
    this.signal('SIGKILL')
    await this.#closed
    await this.server.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
