import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { example } from '../config/samples.js'
import { call, configFile, file } from './call.js'

const kindsOf = (text: string): unknown[] =>
  (parseAllDocuments(text) as { toJS(): { kind: string } }[]).map((document) => document.toJS().kind)

describe('render', () => {
  it('writes the manifests of ci.yaml, and nothing else, to standard output', async () => {
    const { code, stdout, stderr } = await call(['render', '--config', `${example}/ci.yaml`])
    expect([code, stderr]).toEqual([0, ''])
    expect(kindsOf(stdout)).toContain('StatefulSet')
    expect(stdout.startsWith('---\napiVersion: v1\nkind: Namespace\n')).toBe(true)
  })

  it('writes the same each time', async () => {
    const [first, second] = [
      await call(['render', '--config', `${example}/ci.yaml`]),
      await call(['render', '--config', `${example}/ci.yaml`]),
    ]
    expect(first).toEqual(second)
  })

  it('writes only the parts that are asked for', async () => {
    const { stdout } = await call(['render', '--config', configFile(), '--component', 'daemon'])
    expect(kindsOf(stdout)).toEqual(['ConfigMap', 'Service', 'PodDisruptionBudget', 'StatefulSet'])
    const { code, stderr } = await call(['render', '--config', configFile(), '--component', 'demon'])
    expect(code).toBe(2)
    expect(stderr).toContain('Allowed choices are')
  })

  it('names every mistake of the file with its line', async () => {
    const path = file('wrong.yaml', 'images: {guard: a/b:1, ci: a/c:1}\ndaemon:\n  isolaton: kata\n  shards: 0\n')
    const { code, stdout, stderr } = await call(['render', '--config', path])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(`${path}:3: daemon.isolaton: unknown key; did you mean "isolation"?`)
    expect(stderr).toContain(`${path}:4: daemon.shards: must be a whole number from 1 to 64`)
    expect(stderr).toContain('docs/config.md describes every key')
  })

  it('says that there is no such file', async () => {
    const { code, stderr } = await call(['render', '--config', '/nowhere/ci.yaml'])
    expect(code).toBe(2)
    expect(stderr).toContain('cannot read /nowhere/ci.yaml')
  })
})
