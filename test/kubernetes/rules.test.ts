import { readFileSync } from 'node:fs'
import { lint, rules } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { unknownSuppression } from '../../lib/kubernetes/lint.js'
import { podOf } from '../support/manifests.js'

const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const all = [...rules, unknownSuppression]

/** The row of the table in docs/operations.md: its id with an anchor, severity, reason and remedy. */
function rowOf({ id, severity, reason, remedy }: (typeof all)[number]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  return `| <a id="lint-${id}"></a>\`${id}\` | ${severity} | ${cell(reason)} | ${cell(remedy)} |`
}

describe('the rules', () => {
  it('have ids of their own', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    for (const { id } of all) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })

  it.each(all.map((rule) => [rule.id, rule] as const))(
    '%s has severity, reason and remedy, each a sentence',
    (_id, rule) => {
      expect(['error', 'warning', 'note']).toContain(rule.severity)
      expect(rule.reason).toMatch(/^[A-Z].{20,}\.$/)
      expect(rule.remedy).toMatch(/^[A-Z].{10,}\.$/)
    },
  )

  it('are the table of docs/operations.md, in its order', () => {
    const rows = docs.split('\n').filter((line) => line.includes('<a id="lint-'))
    expect(rows).toEqual(all.map(rowOf))
  })

  it('are found where findings say they are', () => {
    const [finding] = lint(podOf({}, { 'lint.shm-liveness/none': '' }))
    expect(docs).toContain(`<a id="${finding?.docs.split('#')[1]}">`)
  })
})
