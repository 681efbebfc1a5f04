import { join } from 'node:path'
import type { Where } from 'shm-liveness'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { untilHolds } from '../support/until.js'
import { workersOf } from '../support/workers.js'

/** A case is a script and the frames that it must show, the innermost first. `@` stands for the script's own name. */
interface Case {
  file: string
  text: string
  kind?: Where['kind']
  frames: RegExp[]
}

/** As a worker is called after its case. */
const workerOf = (name: string) => name.replaceAll(/\W+/g, '-')

const claims = (name: string) => `import { claim } from './claim.mjs'; claim('${workerOf(name)}')`

/** Lines: an interface, and so the numbers, are gone in what is compiled of it. */
const typescript = (name: string) => `import { claim } from './claim.mjs'
interface Frame {
  width: number
}
type Unused = { a: string }

claim('${workerOf(name)}')
function decodeFrame(frame: Frame): number {
  let sum: number = frame.width
  for (;;) {
    sum = (sum * 31 + 7) | 0
  }
}
class Camera {
  constructor(private readonly frame: Frame) {}

  onImage(): number {
    return decodeFrame(this.frame)
  }
}
new Camera({ width: 1 }).onImage()
`
const typescriptFrames = [
  /^decodeFrame \(.*@\.ts:1[01]:\d+\)$/,
  /^onImage \(.*@\.ts:18:12\)$/,
  /^(.* \()?.*@\.ts:21:26\)?$/,
]

const cases: Record<string, Case> = {
  spin: {
    file: 'spin.mjs',
    text: `${claims('spin')}
function spin() {
  let x = 0
  for (;;) x = (x * 31 + 7) | 0
}
spin()`,
    frames: [/^spin \(.*spin\.mjs:4:\d+\)$/, /^.*spin\.mjs:6:1$/],
  },
  'a slow regular expression': {
    file: 'expression.mjs',
    text: `${claims('a slow regular expression')}
const isLetters = (text) => /^(a+)+$/.test(text)
isLetters('${'a'.repeat(60)}!')`,
    frames: [/^isLetters \(.*expression\.mjs:2:39\)$/, /^.*expression\.mjs:3:1$/],
  },
  'Atomics.wait': {
    file: 'waits.mjs',
    text: `${claims('Atomics.wait')}
function waits() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
waits()`,
    frames: [/^waits \(.*waits\.mjs:3:11\)$/, /^.*waits\.mjs:5:1$/],
  },
  'garbage in a storm': {
    file: 'garbage.mjs',
    text: `${claims('garbage in a storm')}
function collect() {
  for (let kept = []; ; kept.length > 1e5 && (kept = [])) kept.push({ text: 'x' + kept.length, list: [1, 2] })
}
collect()`,
    frames: [/^collect \(.*garbage\.mjs:3:\d+\)$/, /^.*garbage\.mjs:5:1$/],
  },
  'a deep recursion': {
    file: 'deep.mjs',
    text: `${claims('a deep recursion')}
function recurse(depth) {
  if (depth === 0) for (;;) ;
  recurse(depth - 1)
}
recurse(5000)`,
    frames: [/^recurse \(.*deep\.mjs:3:\d+\)$/, /^recurse \(.*deep\.mjs:4:3\)$/],
  },
  vm: {
    file: 'vm.mjs',
    text: `${claims('vm')}
import { runInNewContext } from 'node:vm'
function runPlugin() {
  runInNewContext('function plugin() {\\n  for (;;) ;\\n}\\nplugin()', {}, { filename: 'plugin.js' })
}
runPlugin()`,
    frames: [/^plugin \(plugin\.js:2:\d+\)$/, /^plugin\.js:4:1$/, /^runPlugin \(.*vm\.mjs:4:3\)$/, /^.*vm\.mjs:6:1$/],
  },
  eval: {
    file: 'eval.mjs',
    text: `${claims('eval')}
function evaluates() {
  eval('(function inner() { for (;;) ; })()')
}
evaluates()`,
    frames: [/^inner \(eval:1:\d+\)$/, /^eval \(eval:1:\d+\)$/, /^evaluates \(.*eval\.mjs:3:3\)$/, /^.*eval\.mjs:5:1$/],
  },
  'a loop of promises': {
    file: 'promises.mjs',
    text: `${claims('a loop of promises')}
async function pump() {
  for (;;) await null
}
pump()`,
    kind: 'promise-loop',
    frames: [/^pump \(.*promises\.mjs:[23]:\d+\)$/],
  },
  CommonJS: {
    file: 'common.cjs',
    text: `import('./claim.mjs').then(({ claim }) => {
  claim('CommonJS')
  inner()
})
function inner() { for (;;) ; }`,
    frames: [/^inner \(.*common\.cjs:5:\d+\)$/, /^.*common\.cjs:3:3$/],
  },
  'TypeScript, external map': { file: 'external.mjs', text: '', frames: typescriptFrames },
  'TypeScript, inline map': { file: 'inline.mjs', text: '', frames: typescriptFrames },
  'hostile to stacks': {
    file: 'hostile.mjs',
    text: `${claims('hostile to stacks')}
const trap = () => { throw new Error('never to be called') }
Object.defineProperty(Error, 'prepareStackTrace', { get: trap, set: trap })
Object.defineProperty(Error, 'stackTraceLimit', { get: trap, set: trap })
Object.defineProperty(Error.prototype, 'stack', { get: trap })
Object.defineProperty(Object.prototype, 'name', { get: trap, set: trap })
globalThis.Error = new Proxy(Error, { get: trap, construct: trap })
const hang = () => { for (;;) ; }
hang()`,
    frames: [/^hang \(.*hostile\.mjs:8:\d+\)$/, /^.*hostile\.mjs:9:1$/],
  },
  'a native call': {
    file: 'native.mjs',
    text: `${claims('a native call')}
import { pbkdf2Sync } from 'node:crypto'
pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512')`,
    kind: 'native',
    // A function that the library names, or the library and an offset.
    frames: [/^running in (\w+|[\w.-]+\+0x[\da-f]+)$/],
  },
  'the main thread': {
    file: 'main.mjs',
    text: `import { Worker } from 'node:worker_threads'
import { claim } from './claim.mjs'
const threads = process.argv.slice(2).map((file) => new Worker(new URL(file, import.meta.url)))
let left = threads.length
for (const thread of threads) thread.on('online', () => --left || blocked())
function blocked() {
  claim('the-main-thread')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}`,
    frames: [/^blocked \(.*main\.mjs:8:11\)$/, /^(.* \()?.*main\.mjs:5:\d+\)?$/],
  },
}

function compiled(file: string, name: string, options: ts.CompilerOptions): Record<string, string> {
  const source = `${file}.ts`
  const { outputText, sourceMapText } = ts.transpileModule(typescript(name), {
    fileName: source,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022, ...options },
  })
  const script = outputText.replace(`${file}.js.map`, `${file}.mjs.map`)
  return { [`${file}.mjs`]: script, ...(sourceMapText === undefined ? {} : { [`${file}.mjs.map`]: sourceMapText }) }
}

/** One process: the main thread is blocked, and beside it a thread for each case hangs. */
function start(region: string): Program {
  const folder = scriptFolder({
    ...Object.fromEntries(Object.values(cases).map(({ file, text }) => [file, text])),
    ...compiled('external', 'TypeScript, external map', { sourceMap: true }),
    ...compiled('inline', 'TypeScript, inline map', { inlineSourceMap: true }),
  })
  const threads = Object.values(cases).filter(({ file }) => file !== 'main.mjs')
  return Program.run(process.execPath, [join(folder, 'main.mjs'), ...threads.map(({ file }) => `./${file}`)], {
    SHM_LIVENESS_REGION: region,
  })
}

function isMet({ file, kind = 'javascript', frames }: Case, seen: Where | null | undefined): boolean {
  if (seen === undefined || seen === null || seen.kind !== kind || seen.frames.length < frames.length) return false
  const name = file.replace(/\..*/, '')
  return frames.every((frame, i) => new RegExp(frame.source.replaceAll('@', name)).test(seen.frames[i] ?? ''))
}

describe('where a thread hangs', () => {
  it('is in the region by function and line, for all ways to hang at once', async () => {
    const region = uniqueRegion()
    const program = start(region)
    let hasEnded = false
    program.ended.then(() => {
      hasEnded = true
    })
    const unmet = () => {
      if (hasEnded) throw new Error(program.stderr)
      const seen = workersOf(region)
      const left = Object.entries(cases).filter(([name, of]) => !isMet(of, seen[workerOf(name)]?.where))
      return Object.fromEntries(left.map(([name]) => [name, seen[workerOf(name)]?.where]))
    }
    expect(await untilHolds('all threads are found', unmet, (left) => Object.keys(left).length === 0)).toEqual({})
  })
})
