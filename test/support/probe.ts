import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { probePath } from 'shm-liveness'
import { afterAll } from 'vitest'
import { until } from './until.js'

export interface ProbeResult {
  /** The exit code; null if a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

export interface ProbeOptions {
  /** All of the environment. @default empty */
  env?: Record<string, string>
  /** A command in front of the probe: `unshare`, `setpriv`. */
  wrapper?: string[]
  uid?: number
  gid?: number
}

/** Runs the real shm-probe. Never rejects over an exit code. */
export function probe(args: string[], options: ProbeOptions = {}): Promise<ProbeResult> {
  const [command, ...rest] = [...(options.wrapper ?? []), probePath(), ...args] as [string, ...string[]]
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const env = { ...(options.wrapper ? { PATH: process.env['PATH'] ?? '' } : {}), ...options.env }
    const { uid, gid } = options
    const child = spawn(command, rest, {
      env,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: performance.now() - began }))
  })
}

/** One run of the probe in a list for {@link probeAll}. */
export interface ProbeRun {
  args: string[]
  env?: Record<string, string>
  /** A shell command that runs directly before the probe. */
  before?: string
}

/** `code` is what a shell sees: 128 and the number of the signal, if a signal ended the probe. */
export interface RunResult {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  /** Starts all runs together instead of one after the other: for runs that wait. */
  together?: boolean
  /** Another program in place of the probe. */
  program?: string
}

/** More than the longest list takes at load 16: a run that has not ended by then hangs. */
const hangMs = 100_000

/**
 * Runs the probe many times and gives the results in the order of `runs`. One small shell starts all of them, because a
 * start from the large process of the tests takes ten times as long.
 */
export async function probeAll(
  runs: ProbeRun[],
  { together = false, program = probePath() }: RunOptions = {},
): Promise<RunResult[]> {
  const dir = mkdtempSync(join(outputs(), 'runs-'))
  const lines = runs.map(({ args, env = {}, before = ':' }, i) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${quoted(value)}`)
    const command = [...variables, ...[program, ...args].map(quoted)].join(' ')
    return `{ ${before}; ${command} </dev/null >${i}.out 2>${i}.err; echo $? >${i}.code; }${together ? ' &' : ''}`
  })
  writeFileSync(join(dir, 'script'), `cd ${quoted(dir)}\n${lines.join('\n')}\nwait\n`)
  const text = (name: string) => readFileSync(join(dir, name), 'utf8')
  await new Promise<void>((resolve, reject) => {
    const shell = spawn('/bin/sh', [join(dir, 'script')], {
      env: {},
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: hangMs,
    })
    shell.on('error', reject)
    shell.on('close', () => resolve())
  })
  return runs.map(({ args }, i) => {
    try {
      return { code: Number(text(`${i}.code`)), stdout: text(`${i}.out`), stderr: text(`${i}.err`) }
    } catch {
      throw new Error(`Run ${i} did not end within ${hangMs / 1000} s: ${program} ${args.join(' ')}`)
    }
  })
}

let outputFolder: string | undefined

/** On tmpfs: a list of runs writes three files for each. */
function outputs(): string {
  outputFolder ??= mkdtempSync('/dev/shm/test-runs-')
  return outputFolder
}

afterAll(() => {
  if (outputFolder !== undefined) rmSync(outputFolder, { recursive: true, force: true })
})

/** As one word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** How long a run of the probe asked the kernel to let it sleep; no load of the machine changes that. */
export async function sleptMs(args: string[], env: Record<string, string> = {}): Promise<number> {
  const { stderr } = await probe(args, { env, wrapper: ['strace', '--trace=nanosleep,clock_nanosleep'] })
  const sleeps = [...stderr.matchAll(/^nanosleep\(\{tv_sec=(\d+), tv_nsec=(\d+)\}/gm)]
  return sleeps.reduce((sum, [, seconds, ns]) => sum + Number(seconds) * 1e3 + Number(ns) / 1e6, 0)
}

/**
 * Waits until a probe that was started has read the region, and sleeps before it looks again. A probe maps the region
 * when the first look found no healthy worker.
 */
export async function untilProbeReads(region: string): Promise<void> {
  const readsIt = (pid: string) => {
    try {
      const text = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8')
      const isIt = text('cmdline').includes('shm-probe\0') && text('maps').includes(`/${region}`)
      return isIt && text('wchan') === 'hrtimer_nanosleep'
    } catch {
      return false // gone
    }
  }
  await until(`a probe reads ${region}`, () =>
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .find(readsIt),
  )
}
