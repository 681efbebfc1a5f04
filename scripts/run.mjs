// Runs a program for the scripts: shows how far it is while it runs, and stops it at a time limit.
import { spawn } from 'node:child_process'

/** Silence is right for what takes a moment; after this long a person wants to know what happens. */
const firstReportMs = 5_000
const reportEveryMs = 5_000
const killAfterMs = 5_000

const seconds = (ms) => (ms / 1000).toFixed(1)

/**
 * @param {string} title what is done, for a person
 * @param {[string, ...string[]]} command
 * @param {object} options
 * @param {() => string} [options.howFar] @default the last line that the program printed
 * @param {number} [options.limitMs] @default none
 * @param {string} [options.advice] what to do when it fails or reaches the limit
 * @param {Record<string, string>} [options.env] added to the environment
 * @returns {Promise<number>} how long it took, in ms
 * @throws {Error} with all that the program printed
 */
export async function run(title, [program, ...args], { howFar, limitMs, advice, env } = {}) {
  const began = performance.now()
  console.error(`setup: ${title}`)
  let output = ''
  let reached = false
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true, // a process group of its own, so that the limit also ends what npm or make has started
  })
  const collect = (data) => (output += data)
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const signalGroup = (signal) => {
    try {
      process.kill(-child.pid, signal)
    } catch {} // ended meanwhile
  }
  const interrupted = (signal) => {
    signalGroup(signal)
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  const report = () => {
    const detail = howFar?.() ?? lastLineOf(output)
    console.error(`setup: ${title}: ${seconds(performance.now() - began)} s${detail === '' ? '' : `, ${detail}`}`)
  }
  let every
  const first = setTimeout(() => {
    report()
    every = setInterval(report, reportEveryMs)
  }, firstReportMs)
  const stop = () => {
    reached = true
    signalGroup('SIGTERM')
    setTimeout(() => signalGroup('SIGKILL'), killAfterMs).unref()
  }
  const limit = limitMs === undefined ? undefined : setTimeout(stop, limitMs)
  const [status, error] = await new Promise((resolve) => {
    child.on('error', (error) => resolve([null, error]))
    child.on('close', (code) => resolve([code, undefined]))
  })
  for (const timer of [first, limit]) clearTimeout(timer)
  clearInterval(every)
  process.off('SIGINT', interrupted)
  process.off('SIGTERM', interrupted)
  const tookMs = performance.now() - began
  if (status === 0 && !reached) {
    console.error(`setup: ${title}: done in ${seconds(tookMs)} s`)
    return tookMs
  }
  const what = reached ? `did not end within ${seconds(limitMs)} s` : (error?.message ?? `failed with status ${status}`)
  const lines = [output.trimEnd(), `setup: ${[program, ...args].join(' ')} ${what}.`, advice && `setup: ${advice}`]
  throw new Error(lines.filter(Boolean).join('\n'))
}

function lastLineOf(output) {
  const line = output.trimEnd().split('\n').at(-1)?.trim() ?? ''
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}
