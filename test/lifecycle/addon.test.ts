import { copyFileSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { Heartbeat, LivenessError, Region } from 'shm-liveness'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const addon = join(import.meta.dirname, '../../build/Release/shm_liveness.node')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shm-liveness-copy-'))
  copyFileSync(addon, join(folder, 'copy.node'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function twoCopies(region: string): Promise<Program> {
  const program = Program.fixture('two-copies', [addon, join(folder, 'copy.node'), region])
  expect(await program.said('apart')).toBe('true')
  program.tell('beat')
  expect(await program.said('beat')).toBe('true true')
  return program
}

const states = (region: string) =>
  Region.open(region)
    .workers()
    .map(({ name, state }) => `${name} ${state}`)
    .sort()

describe('two copies of the addon in one process', () => {
  it('each hold a slot of one region', async () => {
    const region = uniqueRegion()
    await twoCopies(region)
    expect(states(region)).toEqual(['a running', 'b running'])
    expect(await probe(['--region', region, '--expect', 'a,b'])).toMatchObject({ code: 0 })
  })

  it('stop independently', async () => {
    const region = uniqueRegion()
    const program = await twoCopies(region)
    program.tell('stop a')
    program.tell('beat')
    expect(await program.said('beat')).toBe('false true')
    expect(states(region)).toEqual(['a stopped', 'b running'])
  })

  it('both survive the truncation of the region, and come back into it', async () => {
    const region = uniqueRegion()
    const program = await twoCopies(region)
    truncateSync(pathOf(region), 0)
    await until('both are in a region again', async () => {
      program.tell('beat')
      await program.said('beat')
      try {
        return states(region).join() === 'a running,b running'
      } catch (error) {
        if (!(error instanceof LivenessError)) throw error
        return false // still cut short
      }
    })
    program.tell('end')
    expect(await program.ended).toEqual({ code: 0, signal: null })
  })

  it('end with the process, both', async () => {
    const region = uniqueRegion()
    const program = await twoCopies(region)
    program.tell('end')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(states(region)).toEqual(['a dead', 'b dead'])
  })
})

describe('the addon', () => {
  it('is loaded and left by two threads at a time, again and again', async () => {
    const region = uniqueRegion()
    const program = Program.fixture('loads-again', [region, '9'])
    expect(await program.said('mappings')).toBe('0')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.stderr).toBe('')
    const workers = Region.open(region).workers()
    expect(workers.map(({ name, claims }) => [name, claims]).sort()).toEqual([
      ['left', 9],
      ['right', 9],
    ])
  })
})

describe('a heartbeat', () => {
  // So it can never be used in an environment that has ended, or by another thread than its own.
  it('cannot be handed to another thread', () => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), name: 'grabber', maxAge: '1s' })
    const { port1 } = new MessageChannel()
    const uncloneable = expect.objectContaining({ name: 'DataCloneError' })
    expect(() => structuredClone(heartbeat)).toThrow(uncloneable)
    expect(() => port1.postMessage(heartbeat)).toThrow(uncloneable)
    expect(() => port1.postMessage({ beat: heartbeat.beat })).toThrow(uncloneable)
    expect(() => new Worker('', { eval: true, workerData: heartbeat })).toThrow(uncloneable)
    expect(heartbeat.beat()).toBe(true)
    port1.close()
  })

  it.each<[string, (beat: () => boolean) => unknown]>([
    ['alone', (beat) => beat()],
    ['with another this', (beat) => beat.call({})],
    ['with arguments', (beat) => Reflect.apply(beat, undefined, [1, 'two', {}])],
    ['as a callback', (beat) => [1].map(beat)[0]],
    ['as an async callback', (beat) => beat.bind(undefined)()],
  ])('beats when its beat is called %s', (_how, call) => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), name: 'grabber', maxAge: '1s' })
    const { beat } = heartbeat
    expect(call(beat)).toBe(true)
    expect(Region.open(heartbeat.region).workers()[0]).toMatchObject({ beats: 1 })
  })

  it('has native parts that refuse a foreign this', () => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), name: 'grabber', maxAge: '1s' })
    expect(() => Heartbeat.prototype.stop.call({} as Heartbeat)).toThrow(TypeError)
    expect(() => Reflect.get(Heartbeat.prototype, 'claimed', {})).toThrow(TypeError)
    expect(heartbeat.claimed).toBe(true)
  })
})
