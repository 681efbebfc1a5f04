/** Claims a slot for this thread, if it should have one, and has its loop beat. */
import { writeSync } from 'node:fs'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import { LivenessError } from '../errors.js'
import { type ClaimOptions, Heartbeat } from '../heartbeat.js'
import { stopDeadOfEarlierLives } from './earlier-lives.js'
import { beatFromStart, beatWithLoop, intervalFor } from './loop.js'
import { claimantVariable, type Role, roleOf } from './role.js'
import { type AutoSettings, autoSettings } from './settings.js'

/** What the main thread leaves for the threads of this process. */
interface ForThreads {
  settings: AutoSettings
  /** 1 once a thread has said that it is not supervised: a pool of hundreds must not say it hundreds of times. */
  isToldOfThreads: Int32Array
}

/** By this the threads find it; whatever environment variables they were given. */
const dataKey = 'shm-liveness/auto'
/** Names that a child or a thread tries. A region has 64 slots, unless somebody made it larger. */
const mostNames = 4096

/** Never throws: a program must run as well without its supervision. */
export function supervise(): void {
  if (isMainThread) superviseProcess()
  else superviseThread()
}

function superviseProcess(): void {
  try {
    const role = roleOf({ env: process.env, pid: process.pid, script: process.argv[1] })
    if (role === 'none') return
    // Before the claim: if that fails, it would fail for what this process starts, too.
    process.env[claimantVariable] ??= String(process.pid)
    const settings = autoSettings(process.env)
    const heartbeat = claimForProcess(role, settings)
    superviseMainThread(heartbeat, settings)
    const forThreads: ForThreads = {
      settings: { ...settings, name: heartbeat.name },
      isToldOfThreads: new Int32Array(new SharedArrayBuffer(4)),
    }
    setEnvironmentData(dataKey, forThreads as never)
  } catch (error) {
    say('process', error)
  }
}

function claimForProcess(role: Role, { name, maxAgeMs }: AutoSettings): Heartbeat {
  const options = { maxAge: maxAgeMs }
  return role === 'child' ? claimFirstFree(`${name}-child`, options) : Heartbeat.claim({ ...options, name })
}

function superviseMainThread(heartbeat: Heartbeat, { maxAgeMs, startBudgetMs }: AutoSettings): void {
  // A crash is a death. So is an end by a signal, which brings no such event.
  process.on('exit', (code) => {
    if (code === 0) heartbeat.stop()
  })
  const stopDead = () => stopDeadOfEarlierLives(heartbeat.region, heartbeat.name)
  stopDead()
  const start = heartbeat.phase('start', { budget: Math.max(startBudgetMs, maxAgeMs) })
  beatFromStart(heartbeat, maxAgeMs, start, () => {
    if (heartbeat.claimed) heartbeat.ready()
    // Again, because the kernel drops the locks of a process that is killed one after the other, and children outlive it.
    stopDead()
  })
}

function superviseThread(): void {
  const forThreads = getEnvironmentData(dataKey) as ForThreads | undefined
  if (forThreads === undefined) return
  const { settings, isToldOfThreads } = forThreads
  try {
    // The program is told of each end of its threads, and decides what that means.
    const options = { maxAge: settings.maxAgeMs, threadEnd: 'stopped' } as const
    const heartbeat = claimFirstFree(`${settings.name}-thread`, options)
    // A phase, because a max age that was set for a probe (SHM_LIVENESS_MAX_AGE) replaces that of each claim.
    heartbeat.phase('thread', { budget: settings.threadMaxAgeMs })
    // At once: a thread that begins must not make the whole program unready.
    heartbeat.beat()
    heartbeat.ready()
    beatWithLoop(heartbeat, intervalFor(settings.threadMaxAgeMs))
  } catch (error) {
    if (Atomics.exchange(isToldOfThreads, 0, 1) === 0) say('thread (and others beside it)', error)
  }
}

/** A thread that begins takes the name, and so the slot, of one that has ended. */
function claimFirstFree(prefix: string, options: Omit<ClaimOptions, 'name'>): Heartbeat {
  for (let number = 0; ; number++) {
    try {
      return Heartbeat.claim({ ...options, name: `${prefix}-${number}` })
    } catch (error) {
      const isTaken = error instanceof LivenessError && error.code === 'NAME_TAKEN'
      if (!isTaken || number === mostNames - 1) throw error
    }
  }
}

const hints: Readonly<Record<string, string>> = {
  NAME_TAKEN: '; set SHM_LIVENESS_NAME to another name for one of the two',
}

function say(what: string, error: unknown): void {
  const { code = '', message = error } = error as { code?: string; message?: unknown }
  const text = String(message).replace(/\s+/g, ' ')
  try {
    // Not process.stderr: to make that is a side effect that the program would see.
    writeSync(2, `shm-liveness: this ${what} is not supervised: ${text}${hints[code] ?? ''}\n`)
  } catch {
    // Standard error is closed or full.
  }
}
