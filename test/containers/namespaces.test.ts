import { describe, expect, it } from 'vitest'
import { Container, killInside } from '../support/container.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

const claim = (region: string, name = 'grabber') => ({ region, name, maxAge: '1h' })
const beating = { do: 'loop', everyMs: 5 } as const

/** A container whose workers have beaten, and that has ended without a stop(). */
async function leaveOver(region: string, names: string[], shareProcesses = false): Promise<void> {
  const container = await Container.start({ shareProcesses })
  for (const name of names) await (await container.claim(claim(region, name))).ask({ do: 'beat' })
  await container.stop()
}

describe.each([
  ['with a PID namespace of its own', false],
  ['in a shared process namespace', true],
])('a container restarted %s', (_which, shareProcesses) => {
  it('takes slots of the one before for left over: within the grace liveness passes, then they are missing', async () => {
    const region = uniqueRegion()
    await leaveOver(region, ['grabber'], shareProcesses)
    const container = await Container.start({ shareProcesses })
    const check = (kind: string, grace = '1h') =>
      container.probe(['--region', region, '--startup-grace', grace, '--check', kind])
    expect(await check('liveness')).toMatchObject({ code: 0, stdout: '' })
    for (const kind of ['startup', 'readiness']) {
      expect(await check(kind)).toMatchObject({
        code: 1,
        stdout: `missing: no worker in region ${region} (1 left over from before)\n`,
      })
    }
    const found = await untilHolds(
      'the grace is over',
      () => check('liveness', '300ms'),
      ({ code }) => code !== 0,
    )
    expect(found.stdout).toBe(`missing: no worker in region ${region} (1 left over from before)\n`)
    const worker = await container.claim(claim(region))
    await worker.ask(beating)
    expect(await check('liveness')).toMatchObject({ code: 0 })
    expect(await check('startup')).toMatchObject({ code: 0 })
  })

  it('has one dead worker if its own dies, and not if an earlier one has', async () => {
    const region = uniqueRegion()
    await leaveOver(region, ['old'], shareProcesses)
    const container = await Container.start({ shareProcesses })
    const workers = [await container.claim(claim(region, 'a')), await container.claim(claim(region, 'b'))]
    for (const worker of workers) await worker.ask(beating)
    expect(await container.probe(['--region', region])).toMatchObject({ code: 0 })
    await killInside(workers[0]!)
    const found = await container.probe(['--region', region])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/^dead: a died without stop\(\), last beat \S+ ago, pid \d+\n$/)
  })
})

describe('three workers left over, of which one returns', () => {
  it('pass liveness, until somebody expects the others', async () => {
    const region = uniqueRegion()
    await leaveOver(region, ['w0', 'w1', 'w2'])
    const container = await Container.start()
    const worker = await container.claim(claim(region, 'w1'))
    await worker.ask(beating)
    await worker.ask({ do: 'ready' })
    for (const check of ['liveness', 'startup', 'readiness']) {
      expect(await container.probe(['--region', region, '--check', check])).toMatchObject({ code: 0, stdout: '' })
    }
    const expecting = ['--region', region, '--expect', 'w1,w2']
    expect(await container.probe([...expecting, '--startup-grace', '1m'])).toMatchObject({ code: 0 })
    expect(await container.probe([...expecting, '--startup-grace', '0'])).toMatchObject({
      code: 1,
      stdout: 'missing: w2 has no slot, but is expected\n',
    })
    expect(await container.probe(['--region', region, '--min', '2', '--startup-grace', '0'])).toMatchObject({ code: 1 })
    const seen = JSON.parse((await container.probe(['--region', region, '--json'])).stdout)
    const states = seen.workers.map(({ name, condition }: Record<string, string>) => `${name} ${condition}`)
    expect(states).toEqual(['w0 left-over', 'w1 running', 'w2 left-over'])
  })
})

describe('a sidecar that restarts beside a living worker', () => {
  it('changes nothing for the worker, nor the worker for it', async () => {
    const region = uniqueRegion()
    const main = await Container.start()
    const worker = await main.claim(claim(region, 'main'))
    await worker.ask(beating)
    const sidecar = await Container.start()
    await (await sidecar.claim(claim(region, 'sidecar'))).ask(beating)
    expect(await main.probe(['--region', region, '--expect', 'main,sidecar'])).toMatchObject({ code: 0 })

    await sidecar.stop()
    expect(await main.probe(['--region', region])).toMatchObject({ code: 0, stdout: '' })

    const again = await Container.start()
    expect(await again.probe(['--region', region])).toMatchObject({ code: 0, stdout: '' })
    expect(await main.probe(['--region', region])).toMatchObject({ code: 0, stdout: '' })
    const returned = await again.claim(claim(region, 'sidecar'))
    await returned.ask(beating)
    for (const container of [main, again]) {
      expect(await container.probe(['--region', region, '--expect', 'main,sidecar'])).toMatchObject({ code: 0 })
    }
  })

  it('is refused the name of the living worker, whose container it cannot see', async () => {
    const region = uniqueRegion()
    const main = await Container.start()
    await (await main.claim(claim(region, 'main'))).ask(beating)
    const sidecar = await Container.start()
    await expect(sidecar.claim(claim(region, 'main'))).rejects.toMatchObject({ code: 'NAME_TAKEN' })
  })
})

describe('a lock', () => {
  it('is seen across PID and mount namespaces: held is stalled, never dead', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const worker = await container.claim(claim(region))
    await worker.ask(beating)
    const other = await Container.start()
    const stale = ['--region', region, '--max-age', '1ms']
    const places = [(args: string[]) => probe(args), (args: string[]) => other.probe(args)]
    for (const from of places) expect(await from(['--region', region])).toMatchObject({ code: 0, stdout: '' })
    await worker.ask({ do: 'halt' })
    for (const from of [...places, (args: string[]) => container.probe(args)]) {
      const found = await from(stale)
      expect(found.code).toBe(1)
      expect(found.stdout).toMatch(/^stalled: grabber last beat \S+ ago \(limit 1ms\)/)
    }
    await killInside(worker)
    expect((await container.probe(['--region', region])).stdout).toMatch(/^dead: grabber/)
  })

  it('counts for its own container alone once it is gone: for others the slot is left over', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const worker = await container.claim(claim(region))
    await worker.ask({ do: 'beat' })
    await killInside(worker)
    const found = await probe(['--region', region, '--startup-grace', '0'])
    expect(found.stdout).toBe(`missing: no worker in region ${region} (1 left over from before)\n`)
  })
})
