import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

describe('the types of shm-liveness/kubernetes, as it is compiled', () => {
  it('allow what users may write and refuse what they may not', () => {
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', 'node']
    const target = ['--target', 'es2022', '--lib', 'es2023', '--module', 'nodenext']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const done = spawnSync(process.execPath, [tsc, ...options, ...target, 'test/kubernetes/types.test-d.ts'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(done.stdout).toBe('')
    expect(done.status).toBe(0)
  }, 60_000)
})
