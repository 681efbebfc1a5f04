/** What a user's project sees of the types, without node's types, and with the library of its target alone. */
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

function compile(text: string, options: ts.CompilerOptions): string[] {
  const file = join(folder, 'main.ts')
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

  it('is told of a wrong use', () => {
    const wrong = `import { Heartbeat } from 'shm-liveness'\nHeartbeat.claim({ name: 1, maxAge: '1s' })\n`
    const options = { module: ts.ModuleKind.NodeNext, lib: ['lib.es2022.d.ts'] }
    expect(compile(wrong, options)).toEqual(["Type 'number' is not assignable to type 'string'."])
  })
})
