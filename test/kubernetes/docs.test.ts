import { readFileSync } from 'node:fs'
import { type BudgetOptions, backoffSeconds, detectionBudget, probes, wiringErrorCodes } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../../lib/cli/exit-codes.js'

const docs = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const lines = docs.split('\n')

describe('docs/operations.md', () => {
  it('is short, but for a row for each rule', () => {
    expect(lines.filter((line) => !line.includes('<a id="lint-')).length).toBeLessThanOrEqual(200)
  })

  it('has the settings of probes()', () => {
    const plain = probes()
    const guarded = probes({ guard: true })
    const cell = (field: keyof typeof plain.livenessProbe, check: 'startup' | 'liveness' | 'readiness'): string => {
      const [alone, beside] = [plain[`${check}Probe`][field], guarded[`${check}Probe`][field]]
      return alone === beside ? String(alone) : `${alone}; with the guard ${beside}`
    }
    for (const field of ['periodSeconds', 'timeoutSeconds', 'failureThreshold'] as const) {
      const cells = [cell(field, 'startup'), cell(field, 'liveness'), cell(field, 'readiness')]
      expect(docs).toContain(`| ${field} | ${cells.join(' | ')} |`)
    }
    const grace = plain.livenessProbe.terminationGracePeriodSeconds
    expect(docs).toContain(`| terminationGracePeriodSeconds | ${grace} | ${grace} | never |`)
  })

  it.each<[string, 'kubelet' | 'guard', Partial<BudgetOptions>]>([
    ['exec, as wired', 'kubelet', {}],
    ['guard, the kubelet restarts', 'guard', { guard: true }],
    ['guard with `--restart`', 'guard', { guard: { restart: true } }],
  ])('has the budget of: %s', (what, by, options) => {
    const rows = detectionBudget({ maxAge: '250ms', ...options })
    const cell = (reaction: string, who: string): string => {
      const row = rows.find((each) => each.reaction === reaction && each.by === who)
      return `${row?.typicalSeconds} / ${row?.worstSeconds}`
    }
    expect(docs).toContain(
      `| ${what} | ${cell('signal', by)} | ${cell('restart', by)} | ${cell('removal', 'kubelet')} |`,
    )
  })

  it('has the back-off', () => {
    expect(docs).toContain(`| ${[3, 4, 5, 6].map((restarts) => backoffSeconds(restarts)).join(', ')} s of back-off |`)
  })

  it('has each code of WiringError', () => {
    for (const code of wiringErrorCodes) expect(docs).toMatch(new RegExp(`^\\|.*\`${code}\`.*\\|`, 'm'))
  })

  it('has each exit code, and no other', () => {
    const rows = lines.flatMap((line) => /^\| (\d) \| /.exec(line)?.[1] ?? [])
    expect(rows.map(Number)).toEqual(Object.values(exitCodes))
  })
})
