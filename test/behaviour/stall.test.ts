import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

const busy: ChildProcess[] = []
afterEach(() => {
  for (const child of busy.splice(0)) child.kill('SIGKILL')
})

async function beating(region: string, maxAge: string): Promise<WorkerProcess> {
  const worker = await WorkerProcess.claim({ region, name: 'a', maxAge })
  await worker.ask({ do: 'loop', everyMs: 5 })
  return worker
}
const ms = (span: number) => new Promise((resolve) => setTimeout(resolve, span))

describe('a worker', () => {
  it('that is stopped by a signal is stalled, with the reason, and healthy once it goes on', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, '60ms')
    worker.signal('SIGSTOP')
    await ms(100)
    const { code, stdout } = await probe(['--region', region])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^stalled: a last beat \d+(\.\d+)?ms ago \(limit 60ms\), pid \d+ T \(stopped by a signal\)/)
    worker.signal('SIGCONT')
    expect((await probe(['--region', region])).code).toBe(0)
  })

  it('that was frozen is no false alarm, though the probe runs first after the thaw (20 of 20)', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, '100ms')
    for (let i = 0; i < 20; i++) {
      worker.signal('SIGSTOP')
      await ms(150)
      const looking = probe(['--region', region])
      await ms(30) // it has seen the old beat by now
      worker.signal('SIGCONT')
      expect((await looking).code).toBe(0)
    }
  })

  it('with a blocked event loop is stalled', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, '60ms')
    worker.tell({ do: 'block', ms: 1500 })
    await ms(150)
    expect((await probe(['--region', region])).stdout).toMatch(/^stalled: a /)
  })

  it('on a crowded machine is never a false alarm (200 probes beside four busy loops)', async () => {
    const region = uniqueRegion()
    await beating(region, '250ms')
    for (let i = 0; i < 4; i++) busy.push(spawn('sh', ['-c', 'while :; do :; done']))
    for (let i = 0; i < 200; i++) expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })
})
