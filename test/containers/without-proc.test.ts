import { dirname } from 'node:path'
import { probePath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { Container, killInside } from '../support/container.js'
import { letPass, poke } from '../support/poke.js'
import { type ProbeResult, probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

const claim = (region: string, name = 'grabber') => ({ region, name, maxAge: '1h' })
const beating = { do: 'loop', everyMs: 5 } as const

/** A container as a scratch image makes it: an empty root with the probe and /dev/shm, no /proc, no libc. */
async function scratch(): Promise<(args: string[]) => Promise<ProbeResult>> {
  const container = await Container.start()
  container.run(`
    set -e
    mount -t tmpfs none /mnt
    mkdir -p /mnt/dev/shm /mnt${dirname(probePath())}
    cp ${probePath()} /mnt${probePath()}
    mount --bind /dev/shm /mnt/dev/shm`)
  const wrapper = [...container.wrapper, 'chroot', '/mnt']
  return (args) => probe(args, { wrapper })
}

/** A container with all but /proc. */
async function withoutProc(): Promise<Container> {
  const container = await Container.start({ shareProcesses: true })
  container.run('umount --lazy --recursive /proc')
  expect(container.run('ls /proc')).toBe('')
  return container
}

describe('a probe in an empty image', () => {
  it('says healthy without /proc', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const worker = await container.claim(claim(region))
    await worker.ask(beating)
    const scratchProbe = await scratch()
    expect(await scratchProbe(['--region', region])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await worker.ask({ do: 'halt' })
    const found = await scratchProbe(['--region', region, '--max-age', '1ms'])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/^stalled: grabber last beat \S+ ago \(limit 1ms\)/)
  })

  it('passes its self-test', async () => {
    expect(await (await scratch())(['--self-test'])).toMatchObject({ code: 0 })
  })

  it('knows no grace', async () => {
    const region = uniqueRegion()
    expect(await (await scratch())(['--region', region, '--startup-grace', '1h'])).toMatchObject({
      code: 1,
      stdout: `missing: no region ${region}\n`,
    })
  })

  it('calls a lock-gone slot that names no container dead', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const worker = await container.claim(claim(region))
    await worker.ask({ do: 'beat' })
    await killInside(worker)
    poke(region, 'Identity', 'container_kind', Buffer.alloc(24)) // and container_a, container_b
    const found = await (await scratch())(['--region', region])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/^dead: grabber died without stop\(\)/)
  })
})

describe('a container without /proc', () => {
  it('has healthy, stalled and dead workers as any other', async () => {
    const region = uniqueRegion()
    const container = await withoutProc()
    const workers = [await container.claim(claim(region, 'a')), await container.claim(claim(region, 'b'))]
    for (const worker of workers) await worker.ask(beating)
    expect(await container.probe(['--region', region])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await workers[0]!.ask({ do: 'halt' })
    expect((await container.probe(['--region', region, '--max-age', '1ms'])).stdout).toMatch(/^stalled: a last beat/)
    await killInside(workers[0]!)
    expect((await container.probe(['--region', region])).stdout).toMatch(/^dead: a died/)
    expect(await container.probe(['--region', region, '--min', '1'])).toMatchObject({ code: 0 })
  })

  it('has starting workers, whose grace counts from the claim', async () => {
    const region = uniqueRegion()
    const container = await withoutProc()
    await container.claim(claim(region))
    const check = (grace: string) => container.probe(['--region', region, '--startup-grace', grace])
    expect(await check('1h')).toMatchObject({ code: 0 })
    letPass(region, 40)
    expect((await check('30s')).stdout).toMatch(
      /^stalled: grabber no beat since its claim \S+ ago \(startup grace 30s\)/,
    )
  })
})
