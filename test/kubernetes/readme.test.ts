import { readFileSync } from 'node:fs'
import { detectionBudget, lint, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Pod } from '../support/manifests.js'
import { validate } from '../support/schema.js'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, snippet = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? []
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'camera' }, ...parse(snippet) }

describe("the README's pod", () => {
  it('is valid by the published schema', () => {
    expect(pod.spec.containers).toHaveLength(1)
    expect(() => validate(pod)).not.toThrow()
  })

  it('is what lint wants', () => {
    expect(lint(pod)).toEqual([])
  })

  it('is wired, so that wire changes nothing', () => {
    expect(wire(pod)).toEqual(pod)
  })
})

describe("the README's figures", () => {
  it('are those of detectionBudget()', () => {
    const [signal] = detectionBudget({ maxAge: '250ms' })
    expect(readme).toContain(`// ${signal?.typicalSeconds} s typical, ${signal?.worstSeconds} s at worst`)
  })
})
