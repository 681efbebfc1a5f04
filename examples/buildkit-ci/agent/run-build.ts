import { spawn } from 'node:child_process'
import type { Heartbeat } from 'shm-liveness'
import { CiError } from '../model/ci-error.js'
import type { Budgets } from '../progress/budgets.js'
import { BuildWatch } from '../progress/build-watch.js'
import { PlainProgress } from '../progress/plain-progress.js'
import { type OtherLine, RawJson, type RawJsonItem } from '../progress/rawjson.js'
import type { Buildx } from './buildx.js'

export interface RunBuildOptions {
  buildx: Buildx
  /** See `buildArguments`. */
  args: readonly string[]
  budgets: Budgets
  heartbeat: Pick<Heartbeat, 'beat' | 'phase'> | undefined
  ownMaxAgeMs: number
  /** Gets the build's progress, line by line. */
  show: (line: string) => void
  say: (line: string) => void
  signal: AbortSignal
}

export interface BuildEnding {
  code: number | null
  signal: NodeJS.Signals | null
}

/** How often silence is looked at; several times in any max age. */
const lookMs = 1000

/** Runs buildx to its end, with its steps as phases of the heartbeat. @throws CiError `TOOL` */
export async function runBuild(options: RunBuildOptions): Promise<BuildEnding> {
  const { buildx, args, budgets, heartbeat, ownMaxAgeMs, show, say, signal } = options
  const watch = new BuildWatch({ budgets, heartbeat, ownMaxAgeMs, say, now: () => performance.now() })
  const reader = new RawJson()
  const progress = new PlainProgress()
  const take = (items: (RawJsonItem | OtherLine)[]) => {
    for (const item of items) {
      if ('progress' in item) watch.note(item.progress)
      for (const line of progress.linesOf(item)) show(line)
    }
  }
  const [program, ...first] = buildx
  const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'inherit', 'pipe'] })
  // buildx cancels the build in the daemon at the first signal.
  const onAbort = () => child.kill('SIGTERM')
  signal.addEventListener('abort', onAbort)
  watch.look()
  const timer = setInterval(() => watch.look(), Math.min(lookMs, ownMaxAgeMs / 5))
  try {
    child.stderr.on('data', (chunk) => take(reader.push(chunk)))
    return await new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new CiError('TOOL', `cannot run ${program}: ${error.message}`, 'install it')))
      child.on('close', (code, ended) => {
        take(reader.end())
        resolve({ code, signal: ended })
      })
    })
  } finally {
    clearInterval(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
