import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { localConfig } from './distribution-config.js'
import type { Backend } from './gate.js'

export interface RegistryProgram {
  /** Distribution's `registry`; Debian calls it `docker-registry`. */
  program: string
  storageDirectory: string
  httpSecret: string
  /** A folder for the configs. */
  scratchDirectory: string
}

/** The collector's word for a storage that nothing was pushed to yet. */
const emptyStorage = /Path not found: \/docker\/registry\/v2\/(repositories|blobs)\s*$/
/** A push asks for each blob before it sends it, and distribution logs each 404 as an error. */
const refusal = / http\.response\.status=4\d\d /

const startLimitMs = 60_000
const stopLimitMs = 10_000

/** One life of distribution's registry, on a port of loopback that nobody but the gate is told. */
export class RegistryProcess implements Backend {
  readonly #child: ChildProcess
  /** Settles when it ends; its value says how. */
  readonly ended: Promise<string>

  private constructor(
    child: ChildProcess,
    readonly port: number,
  ) {
    this.#child = child
    const failed = once(child, 'error').then(([error]) => (error as Error).message)
    const exited = once(child, 'exit').then(([code, signal]) => (signal === null ? `exit status ${code}` : `${signal}`))
    failed.catch(() => {})
    exited.catch(() => {})
    this.ended = Promise.race([failed, exited])
  }

  /** @throws RunnerError `CONNECTION`, if it does not answer */
  static async start(program: RegistryProgram): Promise<RegistryProcess> {
    const port = await unusedPort()
    const path = await writeConfig(program, port)
    // Distribution 3 sends traces to a port of this machine unless it is told not to.
    const env = { OTEL_TRACES_EXPORTER: 'none', ...process.env }
    const child = spawn(program.program, ['serve', path], { stdio: ['ignore', 'inherit', 'pipe'], env })
    createInterface(child.stderr).on('line', (line) => {
      if (!refusal.test(line)) process.stderr.write(`${line}\n`)
    })
    const started = new RegistryProcess(child, port)
    const state = { end: undefined as string | undefined }
    void started.ended.then((end) => {
      state.end = end
    })
    const untilMs = performance.now() + startLimitMs
    while (!(await started.answers())) {
      if (state.end !== undefined || performance.now() > untilMs) {
        await started.stop()
        throw new RunnerError(
          'CONNECTION',
          `the registry did not start: ${program.program}: ${state.end ?? `no answer within ${startLimitMs / 1000} s`}`,
          "name distribution's program with --program (Debian: docker-registry), and see its log above",
        )
      }
      await sleep(20)
    }
    return started
  }

  /** Whether it answers; an answer that asks for credentials is one. */
  async answers(limitMs = 5000): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}/v2/`, { signal: AbortSignal.timeout(limitMs) })
      await answer.arrayBuffer()
      return answer.status === 200 || answer.status === 401
    } catch {
      return false
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const last = setTimeout(() => this.#child.kill('SIGKILL'), stopLimitMs)
    await this.ended
    clearTimeout(last)
  }
}

/**
 * Runs distribution's garbage collector.
 *
 * Without `--delete-untagged`: that one deletes the parts of multi-platform images (distribution#3178) and shared layers
 * (#4939). Untagged manifests are removed by `buildkit-ci clean`, which knows who refers to them.
 *
 * @returns how many blobs it removed
 * @throws Error with the end of its output
 */
export async function collectGarbage(program: RegistryProgram): Promise<number> {
  const path = await writeConfig(program, 0)
  const run = promisify(execFile)
  const collecting = run(program.program, ['garbage-collect', path], { maxBuffer: 1024 ** 3 })
  const { stdout } = await collecting.catch((error: Error) => {
    if (emptyStorage.test(error.message)) return { stdout: '' }
    throw error
  })
  return stdout.match(/^blob eligible for deletion: /gm)?.length ?? 0
}

async function writeConfig(
  { scratchDirectory, storageDirectory, httpSecret }: RegistryProgram,
  port: number,
): Promise<string> {
  const path = join(scratchDirectory, `registry-${port}.yaml`)
  const config = localConfig({ listen: `127.0.0.1:${port}`, storageDirectory, httpSecret })
  await writeFile(path, stringify(config), { mode: 0o600 })
  return path
}

/** Another process may take it first; the registry then ends at once, and is started on another. */
async function unusedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
