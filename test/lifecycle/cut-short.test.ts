import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'

describe('a region that is cut short', () => {
  it.each(['stop', 'using', 'exit'])('does not end a worker that ends by %s', async (end) => {
    const worker = Program.fixture('cut-short', [uniqueRegion(), end])
    await worker.said('survived')
    expect(await worker.ended).toEqual({ code: 0, signal: null })
  })

  it.each(['open', 'verdict', 'workers', 'retire', 'markRestart', 'claim'])(
    'and restored again and again does not end a process that calls %s',
    async (call) => {
      const region = uniqueRegion()
      claim(region, { name: 'other' }).stop()
      const neighbour = Program.fixture('cuts-and-restores', [pathOf(region)])
      await neighbour.said('cutting')
      const caller = Program.fixture('beside-a-cutter', [region, call, '3000'])
      expect(await caller.ended, caller.stderr).toEqual({ code: 0, signal: null })
      expect(caller.lines).toEqual(['survived'])
    },
  )

  it('and restored again and again leaves the probe its form: one JSON object, and the termination log', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'other', maxAge: '1ns' }).beat()
    const neighbour = Program.fixture('cuts-and-restores', [pathOf(region)])
    await neighbour.said('cutting')
    const codes = new Set<string>()
    for (let i = 0; i < 300; i++) {
      const { code, stdout } = await probe(['--region', region, '--json', '--confirm', '0'])
      const answer = JSON.parse(stdout) as { code?: string; exit: number }
      expect(code).toBe(answer.exit)
      if (answer.code !== undefined) codes.add(answer.code)
    }
    expect(codes.size).toBeGreaterThan(0)
    for (const code of codes) expect(code).toMatch(/^REGION_(TRUNCATED|SIZE|MAGIC|VERSION|LAYOUT)$/)
  })
})
