import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

async function collect(
  region: string,
  which: string,
  clock = 'precise',
): Promise<{ program: Program; result: unknown }> {
  const program = Program.fixture('collects-garbage', [region, which, clock], { flags: ['--expose-gc'] })
  return { program, result: JSON.parse(await program.said('result')) }
}

describe('garbage collection', () => {
  it.each(['precise', 'counted'])('of the wrapper leaves a detached beat at work, %s', async (clock) => {
    const region = uniqueRegion()
    const { result } = await collect(region, 'wrapper collected, beat kept', clock)
    expect(result).toEqual([['wrapper'], true])
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })

  it('of the wrapper after stop() leaves a beat that says false', async () => {
    const region = uniqueRegion()
    const { result } = await collect(region, 'wrapper collected after stop, beat kept')
    expect(result).toEqual([['wrapper'], false, false])
    expect(Region.open(region).workers()).toMatchObject([{ state: 'stopped', beats: 0 }])
  })

  it.each(['precise', 'counted'])('of everything makes a worker stalled while its process lives, %s', async (clock) => {
    const region = uniqueRegion()
    const { program, result } = await collect(region, 'all dropped', clock)
    expect(result).toEqual([['beat', 'wrapper']])
    const stalled = await untilHolds(
      'the worker is stalled',
      () => probe(['--region', region]),
      ({ code }) => code !== 0,
    )
    expect(stalled.stdout).toMatch(/^stalled: grabber last beat/)
    await program.kill()
    expect((await probe(['--region', region])).stdout).toMatch(/^dead: grabber/)
  })

  it('of everything after stop() is quiet, and so is the exit', async () => {
    const region = uniqueRegion()
    const { program, result } = await collect(region, 'all dropped after stop')
    expect(result).toEqual([['beat', 'wrapper']])
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(program.stderr).toBe('')
  })

  it.each(['precise', 'counted'])('leaves nothing mapped or open of a thousand stopped claims, %s', async (clock) => {
    const { result } = await collect(uniqueRegion(), 'claimed and stopped often', clock)
    const [before, after] = result as [unknown, unknown]
    expect(after).toEqual(before)
  })

  it('leaves no descriptor and no mapping of refused claims', async () => {
    const { result } = await collect(uniqueRegion(), 'refused often')
    const [before, after, beat] = result as [unknown, unknown, boolean]
    expect(after).toEqual(before)
    expect(beat).toBe(true)
  })

  it('of six hundred forgotten heartbeats, more than are watched for truncation, lets the process exit in peace', async () => {
    const { program } = await collect(uniqueRegion(), 'forgotten often')
    expect(await program.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(program.stderr).toBe('')
  })
})
