/** What a user's project sees of the types, without node's types, and with the library of its target alone. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-user-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(join(folder, 'node_modules'))
symlinkSync(join(import.meta.dirname, '../..'), join(folder, 'node_modules/shm-liveness'))
writeFileSync(join(folder, 'package.json'), '{"type":"module"}')

const uses = `
import { Heartbeat, LivenessError, type Phase, Region } from 'shm-liveness'
import { lint, probes, wire } from 'shm-liveness/kubernetes'

export function work(): boolean {
  using heartbeat = Heartbeat.claim({ name: 'grabber', maxAge: '250ms' })
  {
    using loading: Phase = heartbeat.phase('load', { budget: '30s' })
    loading.end()
  }
  heartbeat[Symbol.dispose]()
  return heartbeat.beat()
}
export function codeOf(error: unknown): string {
  return error instanceof LivenessError ? error.code : ''
}
export const age: number | undefined = Region.open('camera').workers()[0]?.ageMs
export const found = lint(wire({ containers: [{ name: 'camera', ...probes() }] })).length
`

function compile(text: string, options: ts.CompilerOptions, name = 'main.ts'): string[] {
  const file = join(folder, name)
  writeFileSync(file, text)
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: [],
    ...options,
  })
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

describe("a user's project", () => {
  it.each([
    ['nodenext', { module: ts.ModuleKind.NodeNext, lib: ['lib.es2022.d.ts'] }],
    [
      'a bundler',
      { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ['lib.es2022.d.ts'] },
    ],
  ])('compiles without node types, with lib es2022, for %s', (_name, options) => {
    expect(compile(uses, options)).toEqual([])
  })

  it.each<[string, ts.CompilerOptions]>([
    ['node16', { module: ts.ModuleKind.Node16 }],
    ['nodenext', { module: ts.ModuleKind.NodeNext }],
    ['commonjs and node10', { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10 }],
  ])('compiles as CommonJS, for %s', (_name, options) => {
    const all = { ...options, lib: ['lib.es2022.d.ts'], target: ts.ScriptTarget.ES2022 }
    expect(compile(uses, all, options.moduleResolution === undefined ? 'main.cts' : 'main.ts')).toEqual([])
  })

  it('may hand a heartbeat from a CommonJS file to an ES module', () => {
    const options = { module: ts.ModuleKind.Node16, lib: ['lib.es2022.d.ts'] }
    const taker = `import { Heartbeat, type Worker } from 'shm-liveness'
      export function take(heartbeat: Heartbeat, workers: Worker[]): boolean { return heartbeat.beat() && workers.length > 0 }
    `
    expect(compile(taker, options, 'taker.mts')).toEqual([])
    const giver = `import { Heartbeat, Region } from 'shm-liveness'
      export const given = import('./taker.mjs').then(({ take }) =>
        take(Heartbeat.claim({ name: 'a', maxAge: 5 }), Region.open().workers()))
    `
    expect(compile(giver, options, 'giver.cts')).toEqual([])
  })

  it('gets the same values by require() as by import', () => {
    const program = `
      for (const entry of ['shm-liveness', 'shm-liveness/kubernetes']) {
        const required = require(entry)
        import(entry).then((imported) => {
          const names = Object.keys(imported)
          console.log(names.length > 4 && names.every((name) => imported[name] === required[name]))
        })
      }`
    const file = join(folder, 'require.cjs')
    writeFileSync(file, program)
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('true\ntrue\n')
  })

  it('is told of a wrong use', () => {
    const wrong = `import { Heartbeat } from 'shm-liveness'\nHeartbeat.claim({ name: 1, maxAge: '1s' })\n`
    const options = { module: ts.ModuleKind.NodeNext, lib: ['lib.es2022.d.ts'] }
    expect(compile(wrong, options)).toEqual(["Type 'number' is not assignable to type 'string'."])
  })
})
