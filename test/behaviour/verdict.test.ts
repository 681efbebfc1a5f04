import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

describe('a beating worker', () => {
  it('passes liveness and startup, and readiness once it said ready', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'grabber', maxAge: '500ms' })
    await worker.ask({ do: 'loop', everyMs: 20 })
    expect(await probe(['--region', region])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await probe(['--region', region, '--check', 'startup'])).toMatchObject({ code: 0 })
    expect(await probe(['--region', region, '--check', 'readiness'])).toMatchObject({
      code: 1,
      stdout: 'not-ready: grabber has not said ready\n',
    })
    await worker.ask({ do: 'ready' })
    expect(await probe(['--region', region, '--check', 'readiness'])).toMatchObject({ code: 0 })
  })
})
