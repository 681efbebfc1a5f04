/** Errors in vm contexts, as pools of jest and vitest have them: each context has its own Error. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { LivenessError } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { LivenessError as OtherCopy } from '../../lib/errors.js'

/** Evaluates the package's modules in a context of their own; builtins and the addon come from the main one. */
const program = `
  import { readFileSync } from 'node:fs'
  import { createRequire, isBuiltin } from 'node:module'
  import { fileURLToPath } from 'node:url'
  import vm from 'node:vm'
  const context = vm.createContext({ process, console, Buffer, URL })
  const modules = new Map()
  async function moduleOf(specifier, parent) {
    const key = isBuiltin(specifier) ? specifier : new URL(specifier, parent).href
    if (!modules.has(key)) modules.set(key, isBuiltin(key) ? await builtin(key) : source(key))
    return modules.get(key)
  }
  async function builtin(name) {
    const exports = await import(name)
    return new vm.SyntheticModule(Object.keys(exports), function () {
      for (const [key, value] of Object.entries(exports)) this.setExport(key, value)
    }, { context })
  }
  function source(url) {
    const initializeImportMeta = (meta) => { meta.url = url }
    return new vm.SourceTextModule(readFileSync(fileURLToPath(url), 'utf8'), { context, identifier: url, initializeImportMeta })
  }
  const test = new vm.SourceTextModule(\`
    import { Heartbeat, LivenessError, Region } from './index.js'
    const thrown = (call) => { try { call() } catch (error) { return error } }
    const errors = [
      thrown(() => Region.open('no-such-region')),
      thrown(() => Heartbeat.claim({ name: '.', region: 'a', maxAge: '1s' })),
      thrown(() => Region.open(7)),
    ]
    globalThis.results = errors.map((error) => [error instanceof LivenessError, error instanceof Error, error.code])
    globalThis.error = errors[0]
  \`, { context, identifier: process.argv[1] + '/test.js' })
  const dist = process.argv[1]
  await test.link((specifier, referencing) => moduleOf(specifier, referencing === test ? dist : referencing.identifier))
  await test.evaluate()
  const { LivenessError } = await import(dist)
  console.log(JSON.stringify({
    inside: context.results,
    outside: [context.error instanceof LivenessError, context.error instanceof Error],
  }))
`

describe('an error of this package', () => {
  it('is a LivenessError, and an Error, in a vm context; and outside of it a LivenessError', () => {
    const dist = new URL('../../dist/index.js', import.meta.url).href
    const args = ['--experimental-vm-modules', '--no-warnings', '--input-type=module', '-e', program, dist]
    const done = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') })
    expect(done.stderr).toBe('')
    expect(JSON.parse(done.stdout)).toEqual({
      inside: [
        [true, true, 'REGION_MISSING'],
        [true, true, 'INVALID_NAME'],
        [true, true, 'INVALID_OPTION'],
      ],
      // The context's own Error is not this one's.
      outside: [true, false],
    })
  })

  it('is known by another copy of the package', () => {
    expect(new OtherCopy('SYSTEM', 'text')).toBeInstanceOf(LivenessError)
    expect(new LivenessError('SYSTEM', 'text')).toBeInstanceOf(OtherCopy)
  })

  it.each([[new Error('text')], [{ code: 'SYSTEM', message: 'text' }], [null], [undefined], ['SYSTEM'], [() => 1]])(
    'is not %s',
    (value) => {
      expect(value instanceof LivenessError).toBe(false)
    },
  )

  it('is of its own class, if that extends LivenessError', () => {
    class Special extends LivenessError {}
    expect(new Special('SYSTEM', 'text')).toBeInstanceOf(LivenessError)
    expect(new Special('SYSTEM', 'text')).toBeInstanceOf(Special)
    expect(new LivenessError('SYSTEM', 'text')).not.toBeInstanceOf(Special)
  })
})
