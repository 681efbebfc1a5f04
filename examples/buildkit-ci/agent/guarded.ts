import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { stepsJson } from '../../kata-build-runner/config/steps-json.js'

export interface GuardedBuild {
  /** The command that builds and beats: this program itself. */
  argv: readonly string[]
  /** Its own region: a guard under a guard needs one. */
  region: string
  name: string
  /** After which the guard ends the build, whatever it does; undefined: never. */
  timeLimit: string | undefined
  /** Longer than any budget of a step, whose phases find it earlier. */
  silenceBudget: string
  signal: AbortSignal
}

/** Runs a build as the step of `shm-guard --steps`. @returns the guard's exit status: 120 if it hung */
export async function runGuarded({
  argv,
  region,
  name,
  timeLimit,
  silenceBudget,
  signal,
}: GuardedBuild): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'buildkit-ci-'))
  try {
    const file = join(folder, 'steps.json')
    const step = { name, argv: [...argv], silenceBudget, ...(timeLimit === undefined ? {} : { timeLimit }) }
    await writeFile(file, stepsJson([step]))
    const child = spawn(guardPath(), ['--region', region, '--steps', file], {
      stdio: 'inherit',
      env: { ...process.env, SHM_LIVENESS_REGION: region },
    })
    const onAbort = () => child.kill('SIGTERM')
    signal.addEventListener('abort', onAbort)
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve(code ?? 1))
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
    // Nobody claims a worker in it again, and each takes 260 KiB of a memory that many builds share.
    await rm(join(process.env['SHM_LIVENESS_DIR'] || '/dev/shm', region), { force: true })
  }
}
