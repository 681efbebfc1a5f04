import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Budgets, stepBudgetOf } from '../../../examples/buildkit-ci/progress/budgets.js'
import { BuildWatch } from '../../../examples/buildkit-ci/progress/build-watch.js'
import { RawJson } from '../../../examples/buildkit-ci/progress/rawjson.js'
import { claim, only } from '../../support/held.js'
import { uniqueRegion } from '../../support/region.js'
import { streamPath } from '../streams.js'

const minute = 60_000

/** A build that hangs in `[build 4/4] RUN npm ci`, with its worker in a real region. */
function hanging(budgets: Budgets) {
  const region = uniqueRegion()
  const heartbeat = claim(region, { name: 'build', maxAge: '30s' })
  let nowMs = 0
  const said: string[] = []
  const say = (line: string) => said.push(line)
  const watch = new BuildWatch({ budgets, heartbeat, ownMaxAgeMs: 30_000, say, now: () => nowMs })
  for (const item of new RawJson().push(readFileSync(streamPath('hangs')))) {
    if ('progress' in item) watch.note(item.progress)
  }
  const lookAt = (ms: number) => {
    nowMs = ms
    watch.look()
  }
  return { region, said, lookAt, watch }
}

describe('a build', () => {
  it('has its step as the phase of its worker, and beats while this program runs', () => {
    const { region, said, lookAt } = hanging(new Budgets())
    lookAt(minute)
    const before = only(region)
    expect(before).toMatchObject({ state: 'running', phase: '[build 4/4] RUN npm ci' })
    lookAt(4 * minute)
    expect(only(region).beats).toBe(before.beats + 1)
    expect(said).toEqual([])
  })

  it('is told once to hang, by the step and its time, and ended by a phase with that name', async () => {
    const { region, said, lookAt, watch } = hanging(new Budgets())
    for (const minutes of [5, 6, 7]) lookAt(minutes * minute)
    expect(said).toEqual(['stalled: no progress in [build 4/4] RUN npm ci for 5m'])
    expect(only(region).state).toBe('running')
    lookAt(30 * minute)
    expect(said.at(-1)).toBe('the build must be ended: no progress in [build 4/4] RUN npm ci for 30m')
    expect(only(region)).toMatchObject({ phase: 'no progress in [build 4/4] RUN npm ci for 30m', limitMs: 1 })
    expect(watch.stalledIn).toBe('[build 4/4] RUN npm ci')
  })

  it('has the budget of its step', () => {
    const { said, lookAt, watch } = hanging(new Budgets(undefined, [stepBudgetOf('RUN npm ci=1m,never')]))
    lookAt(600 * minute)
    expect(said).toEqual(['stalled: no progress in [build 4/4] RUN npm ci for 10h'])
    expect(watch.stalledIn).toBeUndefined()
  })
})
