import { status } from '@grpc/grpc-js'
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
  // An answer takes real time, in which any simulated time may pass.
  const apiAnswerMs = 3_600_000
  const watcher = new Watcher({ connection, ...heard, budgets, clock, intervalMs: 5000, apiAnswerMs })
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

  it('follows a build on whose list of builds fails, and does not say that it knows', async () => {
    const { fake, watcher, heard, look, answered } = await watched()
    fake.build('a').begin('[1/1] RUN make')
    await answered()
    expect(watcher.known.refs).toEqual(['a'])
    fake.refuseHistory(status.INTERNAL)
    await answered()
    await until('the error is known', () => watcher.known.refs === undefined)
    await look(2)
    expect(watcher.refs).toEqual(['a'])
    expect(heard.said.filter((line) => line.includes('does not name'))).toEqual([
      'buildkitd does not name its builds: ListenBuildHistory: no list',
    ])
    expect(heard.takes.at(-1)).toBeUndefined()
    fake.refuseHistory(undefined)
    await answered()
    await until('the builds are known', () => watcher.known.refs?.length === 1)
  })

  it('follows a build again whose progress broke off: it ends no daemon for what it did not see', async () => {
    const { fake, watcher, heard, look, answered } = await watched()
    const build = fake.build('a')
    build.begin('[1/1] RUN make')
    await answered()
    const step = () => watcher.builds[0]?.steps[0].name
    await until('the build is followed', () => step() === '[1/1] RUN make')
    await look(20)
    build.end()
    await until('it is followed again', () => {
      watcher.look()
      return build.reads === 2 && step() === '[1/1] RUN make'
    })
    await look(10)
    expect(heard.ends).toEqual([])
    expect(watcher.refs).toEqual(['a'])
    await look(20)
    expect(heard.ends[0]).toContain('[1/1] RUN make')
  })
})
