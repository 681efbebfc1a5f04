import { describe, expect, it } from 'vitest'
import { Budgets } from '../../../examples/buildkit-ci/progress/budgets.js'
import { Watcher } from '../../../examples/buildkit-ci/watch/watcher.js'
import { SimulatedClock } from '../../support/simulated-clock.js'
import { until } from '../../support/until.js'
import { connectTo, startFake } from '../support.js'

class Heard {
  readonly said: string[] = []
  readonly ends: string[] = []
  readonly takes: (string | undefined)[] = []
  beats = 0
  readonly voice = {
    beat: () => this.beats++,
    end: (reason: string) => this.ends.push(reason),
    takes: (why: string | undefined) => this.takes.push(why),
  }
  readonly say = (line: string) => this.said.push(line)
}

/** A watcher over a fake daemon, whose time goes on by hand; the daemon's answers take real time. */
async function watched() {
  const { fake, socket } = await startFake()
  const clock = new SimulatedClock()
  const heard = new Heard()
  const budgets = new Budgets({ toldAfterMs: 60_000, endedAfterMs: 120_000 })
  const connection = connectTo(socket)
  const watcher = new Watcher({ connection, ...heard, budgets, clock, intervalMs: 5000, apiAnswerMs: 60_000 })
  const look = async (times = 1) => {
    for (let turn = 0; turn < times; turn++) {
      await clock.advance(5000)
      watcher.look()
    }
  }
  const answered = async () => {
    watcher.look()
    await until('an answer', () => watcher.state === 'answering' && watcher.owedMs === 0)
  }
  return { fake, watcher, heard, look, answered, clock }
}

describe('a watcher', () => {
  it('beats over a daemon that idles, and is ready once that has answered', async () => {
    const { heard, look, answered } = await watched()
    await answered()
    await look(3)
    expect(heard).toMatchObject({ ends: [], said: ['buildkitd answers'] })
    expect(heard.beats).toBeGreaterThanOrEqual(4)
    expect(heard.takes.at(-1)).toBeUndefined()
  })

  it('takes a pause of itself for nobody else’s silence', async () => {
    const { fake, watcher, heard, answered, clock } = await watched()
    fake.build('a').begin('[1/1] RUN make')
    await answered()
    await until('the build is known', () => watcher.builds[0]?.steps[0].name === '[1/1] RUN make')
    await clock.advance(3_600_000)
    watcher.look()
    expect(heard.ends).toEqual([])
    expect(watcher.builds[0]?.steps[0].silentMs).toBeLessThanOrEqual(10_000)
  })

  it('is not ready while it drains', async () => {
    const { watcher, heard, answered } = await watched()
    await answered()
    watcher.isDraining = true
    expect(heard.takes.at(-1)).toBe('draining')
    watcher.isDraining = false
    expect(heard.takes.at(-1)).toBeUndefined()
  })
})
