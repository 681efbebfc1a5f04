import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Heartbeat } from 'shm-liveness'
import { BuildkitConnection, type ConnectionOptions } from '../buildkit-api/connection.js'
import { CiError } from '../model/ci-error.js'

export interface RunAgentOptions {
  command: readonly [string, ...string[]]
  /** The builder that `docker buildx build` and `buildkit-ci build` take below the agent. */
  builder: string
  daemon: ConnectionOptions
  heartbeat: Pick<Heartbeat, 'beat' | 'ready' | 'notReady'> | undefined
  maxAgeMs: number
  say: (line: string) => void
  signal: AbortSignal
}

/** Of the max age: several beats, or one late beat would be a stall. */
const beatsInMaxAge = 5
const askMs = 15_000
const giveUpMs = 60_000

/**
 * Runs the CI agent, and beats beside it. The worker is ready while the daemon answers: an agent whose daemon is away should
 * get no jobs, and a restart would not help it.
 *
 * @returns the exit status of the agent, 128 + n for signal n
 */
export async function runAgent(options: RunAgentOptions): Promise<number> {
  const { command, builder, daemon, heartbeat, maxAgeMs, say, signal } = options
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, BUILDX_BUILDER: builder } })
  // The agent gets its own time to finish its job: the pod's termination grace is the limit.
  const onAbort = () => child.kill('SIGTERM')
  signal.addEventListener('abort', onAbort)
  heartbeat?.beat()
  const beats = setInterval(() => heartbeat?.beat(), maxAgeMs / beatsInMaxAge)
  using connection = new BuildkitConnection(daemon)
  let isAnswering: boolean | undefined
  let isAsking = false
  const look = async () => {
    if (isAsking) return
    isAsking = true
    const { kind } = await connection.ask(giveUpMs)
    isAsking = false
    if ((kind === 'answered') === isAnswering) return
    isAnswering = kind === 'answered'
    say(isAnswering ? `buildkitd at ${daemon.address} answers` : `buildkitd at ${daemon.address} does not answer`)
    if (isAnswering) heartbeat?.ready()
    else heartbeat?.notReady('buildkitd does not answer')
  }
  const asks = setInterval(look, askMs)
  void look()
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', (error) =>
        reject(new CiError('TOOL', `cannot run ${program}: ${error.message}`, 'name a program that is in the image')),
      )
      child.on('close', (code, ended) => resolve(code ?? 128 + (ended === null ? 0 : constants.signals[ended])))
    })
  } finally {
    clearInterval(beats)
    clearInterval(asks)
    signal.removeEventListener('abort', onAbort)
  }
}
