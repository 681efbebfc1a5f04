import { rmSync } from 'node:fs'
import { Region, type WorkerClock } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { beatOf, sharedBeatOf } from '../../dist/internal/beats.js'
import { type NativeSharedBeat, native } from '../../dist/internal/native.js'
import { claim, only } from '../support/held.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const versions = (more: Record<string, string>): NodeJS.ProcessVersions => ({ ...process.versions, ...more })

describe('a beat by a fast call', () => {
  it.each<WorkerClock>(['precise', 'coarse'])(
    'counts and stamps all beats of optimized code, by the %s clock',
    (clock) => {
      const region = uniqueRegion()
      const heartbeat = claim(region, { clock })
      expect(heartbeat.implementation).toBe('fast')
      let stamped = 0
      for (let i = 0; i < 1_000_000; i++) if (heartbeat.beat()) stamped++
      expect(stamped).toBe(1_000_000)
      const { beats, ageMs, histogram } = only(region)
      expect(beats).toBe(1_000_000)
      expect(ageMs).toBeLessThan(5_000)
      expect(histogram.reduce((sum, count) => sum + count, 0)).toBe(999_999)
    },
  )

  it('is that heartbeat’s where several meet at one call site, also after one of them has stopped', () => {
    const region = uniqueRegion()
    const all = ['a', 'b', 'c'].map((name) => claim(region, { name, clock: name === 'b' ? 'coarse' : 'precise' }))
    const refused = [0, 0, 0]
    const turn = (times: number) => {
      for (let i = 0; i < times; i++) {
        const at = i % 3
        if (!all[at]?.beat()) (refused[at] as number) += 1
      }
    }
    turn(300_000)
    all[1]?.stop()
    turn(300_000)
    expect(refused).toEqual([0, 100_000, 0])
    const beats = Region.open(region)
      .workers()
      .map((worker) => `${worker.name} ${worker.beats}`)
    expect(beats.sort()).toEqual(['a 200000', 'b 100000', 'c 200000'])
  })

  it('is the thread’s own on each of many, of which the last ones beat by Node-API', async () => {
    const region = uniqueRegion()
    const program = Program.fixture('beats-on-threads', [region, '70', '20000'])
    const implementations = async () => [Number(await program.said('fast')), Number(await program.said('native'))]
    expect(await implementations()).toEqual([64, 6])
    const workers = Region.open(region).workers()
    expect(workers.map(({ beats }) => beats)).toEqual(Array(70).fill(20_000))
    // What threads leave behind is for those after them.
    program.tell('go')
    expect(await implementations()).toEqual([35, 0])
    expect(await program.ended).toEqual({ code: 0, signal: null })
  })

  it('looks whether the region is there about once a second, and counts that beat once', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { clock: 'coarse' })
    const from = performance.now()
    let beats = 0
    await until('more than a second has passed', () => {
      for (let i = 0; i < 1_000; i++) if (heartbeat.beat()) beats++
      return performance.now() - from > 1_500
    })
    expect(only(region).beats).toBe(beats)
  })
})

describe('a beat by Node-API', () => {
  it('does the same, with the same look once a second', async () => {
    const region = uniqueRegion()
    const limits = { maxAgeNs: 20e9, cycleLimitNs: 0, slots: 8, mode: 0o600, stopsAtEnd: false, afterWaiting: false }
    const lost: string[] = []
    const { Heartbeat, sharedBeat } = native()
    const heartbeat = new Heartbeat({
      ...{ directory: '/dev/shm', region, allowDisk: false, name: 'grabber', clock: 'coarse', ...limits },
      onLoss: (code) => lost.push(code),
    })
    const beat = beatOf(sharedBeat, heartbeat)
    for (let i = 0; i < 100_000; i++) beat()
    expect(only(region).beats).toBe(100_000)
    rmSync(pathOf(region))
    await until('a beat has claimed it anew', () => beat() && heartbeat.comebacks === 1)
    expect(lost).toEqual(['REGION_REMOVED'])
    heartbeat.stop()
    expect(beat()).toBe(false)
  })
})

describe('the shared beat', () => {
  const shared = (fast: (() => void) | null): NativeSharedBeat => ({
    words: new ArrayBuffer(8),
    beat: () => {},
    makeFastBeat: () => fast,
  })

  it('is a fast call where V8 has one', () => {
    const fast = () => {}
    expect(sharedBeatOf(shared(fast), process.versions)).toMatchObject({ beat: fast, implementation: 'fast' })
  })

  it('is by Node-API where V8 has none that the addon knows', () => {
    const slow = shared(null)
    expect(sharedBeatOf(slow, process.versions)).toMatchObject({ beat: slow.beat, implementation: 'native' })
  })

  it.each([{ node: '26.0.0' }, { electron: '40.0.0' }, { bun: '1.3.0' }, { deno: '2.5.0' }])(
    'is by Node-API, and V8 is not asked, in %o',
    (other) => {
      const slow = { ...shared(null), makeFastBeat: () => expect.fail('asked') }
      expect(sharedBeatOf(slow, versions(other))).toMatchObject({ beat: slow.beat, implementation: 'native' })
    },
  )

  it('leaves to the heartbeat’s own function what it did not do', () => {
    const words = new Int32Array(2)
    const beats: number[] = []
    const refuses = {
      words: words.buffer,
      beat: () => {
        beats.push(words[0] as number)
        words[1] = 1
      },
    }
    const alone = () => beats.push(-1) > 0
    expect(beatOf(refuses, { words: null, id: 7, beat: alone } as never)()).toBe(true)
    expect(beats).toEqual([7, -1])
  })
})
