/** The programs of the demo's second scene, one in each language. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.resolve('shm-liveness/package.json')))
const inRoot = (path: string): string => join(root, path)

/** Why a program of the demo is missing; it goes on without it. */
export class Absent extends Error {}

// Node.js' and Python's know nothing of heartbeats, and block for 1.5 s on SIGUSR2.

export function startNode(region: string): ChildProcess {
  const program = fileURLToPath(new URL('./unchanged.js', import.meta.url))
  return spawn(process.execPath, ['--import', import.meta.resolve('shm-liveness/auto'), program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: unchangedEnv(region, 'node'),
  })
}

export function startPython(region: string): ChildProcess {
  requireProgram('python3')
  return spawn('python3', ['-m', 'shm_liveness', inRoot('examples/demo/unchanged.py')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...unchangedEnv(region, 'python'), PYTHONPATH: inRoot('python/src'), PYTHONDONTWRITEBYTECODE: '1' },
  })
}

/** A max age that the demo need not wait long for. */
function unchangedEnv(region: string, name: string): NodeJS.ProcessEnv {
  return { ...process.env, SHM_LIVENESS_REGION: region, SHM_LIVENESS_NAME: name, SHM_LIVENESS_MAX_AGE: '400ms' }
}

export function startCpp(region: string): ChildProcess {
  return spawn(compiledCpp(), [region, 'cpp'], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Resolves once the program has said that it is up. */
export async function up(child: ChildProcess): Promise<void> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a program of the demo has ended with ${code} instead of running`)
  })
  await Promise.race([once(lines, 'line'), ended])
}

function requireProgram(name: string): void {
  if (spawnSync(name, ['--version']).status !== 0) throw new Absent(`${name} is not installed`)
}

/** Compiled by the first run, which takes a few seconds, and after a change. */
function compiledCpp(): string {
  const [source, core, target] = ['examples/workers/cpp/worker.cc', 'native/shm_liveness', 'build/demo/cpp-worker'].map(
    inRoot,
  ) as [string, string, string]
  const inputs = [source, ...readdirSync(core).map((header) => join(core, header))]
  const newest = Math.max(...inputs.map((path) => statSync(path).mtimeMs))
  if (existsSync(target) && statSync(target).mtimeMs > newest) return target
  const compiler = process.env['CXX'] ?? 'g++'
  requireProgram(compiler)
  mkdirSync(dirname(target), { recursive: true })
  const flags = ['-std=c++20', '-O1', '-pthread', '-I', inRoot('native')]
  execFileSync(compiler, [...flags, source, '-o', target])
  return target
}
