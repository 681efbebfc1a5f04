import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { type Behaviour, FakeApiServer } from './fake-api-server.js'

const root = join(import.meta.dirname, '../../..')
const running = new Set<Run>()

/** The tests on a cluster, or one file of them, as `npm run test:cluster` starts them, on an API server of our own. */
export class Run {
  /** Of both streams. */
  output = ''
  readonly #closed: Promise<number | null>

  private constructor(
    readonly child: ChildProcess,
    readonly server: FakeApiServer,
    readonly folder: string,
  ) {
    running.add(this)
    child.stdout?.on('data', (data) => (this.output += data))
    child.stderr?.on('data', (data) => (this.output += data))
    // The janitor has these streams, too: they are closed once it is done.
    this.#closed = once(child, 'close').then(([code]) => code)
  }

  static async start(file: string, behaviour: Behaviour, env: Record<string, string> = {}): Promise<Run> {
    const server = await FakeApiServer.start(behaviour)
    const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-run-'))
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, server.kubeconfig)
    const args = ['run', '--config', 'vitest.cluster.config.ts', `test/cluster/${file}.test.ts`]
    const child = spawn(join(root, 'node_modules/.bin/vitest'), args, {
      cwd: root,
      env: {
        ...{ PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
        ...{ KUBECONFIG: kubeconfig, SHM_LIVENESS_NAMESPACE_PREFIX: 'mine', ...env },
      },
      detached: true, // a process group of its own, as a terminal's foreground has
    })
    return new Run(child, server, folder)
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
    running.delete(this)
  }
}

afterEach(async () => {
  await Promise.all([...running].map((run) => run.remove()))
})
