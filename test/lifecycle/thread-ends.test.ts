import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const dead = /^dead: thread died without stop\(\), last beat \S+ ago, pid \d+\n$/
const stages: { stage: string; code: number; line: RegExp | '' }[] = [
  { stage: 'stop', code: 0, line: '' },
  { stage: 'stop in an exit handler', code: 5, line: '' },
  { stage: 'terminate where each end is a stop', code: 1, line: '' },
  { stage: 'return', code: 0, line: dead },
  { stage: 'throw', code: 1, line: dead },
  { stage: 'reject unhandled', code: 1, line: dead },
  { stage: 'process.exit', code: 5, line: dead },
  {
    stage: 'process.exit in a phase',
    code: 5,
    line: /^dead: thread died without stop\(\), last beat \S+ ago in phase "calibrate", pid \d+\n$/,
  },
  { stage: 'beat in an exit handler', code: 7, line: dead },
  { stage: 'terminate in a tight loop', code: 1, line: dead },
  { stage: 'terminate in a tight loop of counted beats', code: 1, line: dead },
  { stage: 'terminate while idle', code: 1, line: dead },
  { stage: 'terminate while blocked', code: 1, line: dead },
  {
    stage: 'terminate before the first beat',
    code: 1,
    line: /^dead: thread died without stop\(\), no beat since its claim \S+ ago, pid \d+\n$/,
  },
]

describe('a thread beside a living one', () => {
  it.each(stages)('that ends by $stage is seen by the probe', async ({ stage, code, line }) => {
    const region = uniqueRegion()
    const worker = Program.fixture('thread-ends-by', [region, stage])
    expect(await worker.said('ended')).toBe(String(code))
    const found = await probe(['--region', region])
    if (line === '') {
      expect(found).toMatchObject({ code: 0, stdout: '' })
      expect(await probe(['--region', region, '--expect', 'thread'])).toMatchObject({
        code: 1,
        stdout: 'stopped: thread stopped on purpose, but is expected\n',
      })
    } else {
      expect(found.code).toBe(1)
      expect(found.stdout).toMatch(line)
    }
    expect(await probe(['--region', region, '--min', '1', '--expect', 'main'])).toMatchObject({ code: 0 })
    const states = Region.open(region)
      .workers()
      .map(({ name, state }) => `${name} ${state}`)
    expect(states).toEqual(['main running', line === '' ? 'thread stopped' : 'thread dead'])
  })
})

describe('terminating a thread', () => {
  const doings = ['beating', 'counting', 'loading', 'changing', 'claiming', 'reading']
  it.each(doings)('in the midst of %s neither crashes the process nor hinders the next claim', async (doing) => {
    const region = uniqueRegion()
    const worker = Program.fixture('terminates-threads', [region, '10', doing])
    const ended = await worker.ended
    expect({ ...ended, stderr: worker.stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    expect(worker.lines).toEqual(['survived'])
    Heartbeat.claim({ region, name: 'grabber', maxAge: '20s' }).stop()
    const found = Object.fromEntries(
      Region.open(region)
        .workers()
        .map((seen) => [seen.name, seen]),
    )
    expect(found['grabber']).toMatchObject({ state: 'stopped' })
    if (doing === 'beating' || doing === 'counting') {
      expect(found['thread']).toMatchObject({ state: 'dead', claims: 10, lastWords: { ended: 'died' } })
    }
  })
})
