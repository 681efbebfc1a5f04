import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

describe('the types of the package, as it is compiled', () => {
  it('allow what users may write and refuse what they may not', () => {
    // Without @types/node: the package needs them not, and the compiler takes twice as long with them.
    const without = ['--typeRoots', '/nonexistent']
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', ...without]
    const target = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--module', 'nodenext']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const done = spawnSync(process.execPath, [tsc, ...options, ...target, 'test/api/types.test-d.ts'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(done.stdout).toBe('')
    expect(done.status).toBe(0)
  })
})
