/** Claims a slot for this thread, if it should have one, and has its loop beat. */
import { writeSync } from 'node:fs'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import { Heartbeat } from '../heartbeat.js'
import { claimFirstFree, isNameTaken, mayPass, untilDone } from './claim.js'
import { stopDeadOfEarlierLives } from './earlier-lives.js'
import { beatFromStart, beatWithLoop, intervalFor } from './loop.js'
import { claimantVariable, type Role, roleOf } from './role.js'
import { type AutoSettings, autoSettings } from './settings.js'

/** What the main thread leaves for the threads of this process. */
interface ForThreads {
  settings: AutoSettings
  /** 1 once a thread has said that it is not supervised: a pool of hundreds must not say it hundreds of times. */
  isToldOfThreads: Int32Array
  /** 1 once the main thread has its slot. Until then no thread claims: its death would fail the checks of another process. */
  isClaimed: Int32Array
}

/** By this the threads find it; whatever environment variables they were given. */
const dataKey = 'shm-liveness/auto'

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
    superviseAs(role, autoSettings(process.env))
  } catch (error) {
    say('process is not supervised', error)
  }
}

function superviseAs(role: Role, settings: AutoSettings): void {
  const [isToldOfThreads, isClaimed] = [sharedFlag(), sharedFlag()]
  const tellThreads = (name: string) => {
    const forThreads: ForThreads = { settings: { ...settings, name }, isToldOfThreads, isClaimed }
    setEnvironmentData(dataKey, forThreads as never)
  }
  let isTold = false
  let afterWaiting = false
  untilDone(() => {
    try {
      const heartbeat = claimForProcess(role, settings, afterWaiting)
      superviseMainThread(heartbeat, settings)
      tellThreads(heartbeat.name)
      Atomics.store(isClaimed, 0, 1)
    } catch (error) {
      // A child has tried all names: none of them is its own to wait for.
      const waits = role === 'program' && mayPass(error)
      // Only one that found its name taken leaves a death to be seen. Any other is the restart of the one that died.
      afterWaiting ||= isNameTaken(error)
      if (!waits) say('process is not supervised', error)
      else if (!isTold) {
        isTold = true
        say('process is not supervised yet (it tries again every second)', error)
        tellThreads(settings.name)
      }
      return !waits
    }
    return true
  })
}

function sharedFlag(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4))
}

function claimForProcess(role: Role, { name, maxAgeMs }: AutoSettings, afterWaiting: boolean): Heartbeat {
  const options = { maxAge: maxAgeMs }
  return role === 'child'
    ? claimFirstFree(`${name}-child`, options)
    : Heartbeat.claim({ ...options, name, afterWaiting })
}

function superviseMainThread(heartbeat: Heartbeat, { maxAgeMs, startBudgetMs }: AutoSettings): void {
  // A crash is a death. So is an end by a signal, which brings no such event.
  process.on('exit', (code) => {
    if (code === 0) heartbeat.stop()
  })
  const stopDead = () => stopDeadOfEarlierLives(heartbeat.region, heartbeat.name)
  // Before all else: if this process is killed outside of its start, no waiting one takes the name (succession.hpp).
  const start = heartbeat.phase('start', { budget: Math.max(startBudgetMs, maxAgeMs) })
  stopDead()
  beatFromStart(heartbeat, maxAgeMs, start, () => {
    sayReady(heartbeat)
    // Again, because the kernel drops the locks of a process that is killed one after the other, and children outlive it.
    stopDead()
  })
}

function sayReady(heartbeat: Heartbeat): void {
  try {
    heartbeat.ready()
  } catch {
    // Another worker has the name. It is said when this one has it back.
  }
}

function superviseThread(): void {
  const forThreads = getEnvironmentData(dataKey) as ForThreads | undefined
  if (forThreads === undefined) return
  untilDone(() => {
    if (Atomics.load(forThreads.isClaimed, 0) === 0) return false
    claimForThread(forThreads)
    return true
  })
}

function claimForThread({ settings, isToldOfThreads }: ForThreads): void {
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
    if (Atomics.exchange(isToldOfThreads, 0, 1) === 0) say('thread (and others beside it) is not supervised', error)
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
    writeSync(2, `shm-liveness: this ${what}: ${text}${hints[code] ?? ''}\n`)
  } catch {
    // Standard error is closed or full.
  }
}
