/**
 * The demo's second scene: a Node.js and a Python program that nobody changed, and a worker in C++, in one region. A
 * language that is not installed is left out, and that is said.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Region } from 'shm-liveness'
import { probeUntil, tell } from './probe.js'
import { Absent, startCpp, startNode, startPython, up } from './programs.js'

const languages: [string, (region: string) => ChildProcess][] = [
  ['Node.js', startNode],
  ['C++', startCpp],
  ['Python', startPython],
]

export async function showLanguages(region: string): Promise<void> {
  const started = new Map<string, ChildProcess>()
  try {
    for (const [language, start] of languages) {
      try {
        const child = start(region)
        started.set(language, child)
        await up(child)
      } catch (error) {
        if (!(error instanceof Absent)) throw error
        console.log(`\nSKIPPED: the program in ${language}, for ${error.message}.`)
      }
    }
    await show(region, started)
  } finally {
    for (const child of started.values()) child.kill('SIGKILL')
  }
}

async function show(region: string, started: ReadonlyMap<string, ChildProcess>): Promise<void> {
  await untilStarted(region, started.size)
  tell(
    `${[...started.keys()].join(', ')} in one region, Node.js and Python as nobody changed them:`,
    await probeUntil(region, 0),
  )
  for (const language of ['Node.js', 'Python']) {
    const child = started.get(language)
    if (child === undefined) continue
    child.kill('SIGUSR2')
    tell(`The event loop of ${language} is blocked for 1.5 s:`, await probeUntil(region, 1))
    tell('… and goes on:', await probeUntil(region, 0))
  }
  const cpp = started.get('C++')
  if (cpp === undefined) return
  cpp.kill('SIGKILL')
  await once(cpp, 'exit')
  tell('The worker in C++ is killed with kill -9:', await probeUntil(region, 1))
}

/** Until all beat, and those that nobody changed have ended their start, in which a longer silence is allowed. */
async function untilStarted(region: string, count: number): Promise<void> {
  for (;;) {
    const workers = Region.open(region).workers()
    if (workers.filter(({ ready, phase }) => ready && phase === null).length === count) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
