import { Agent } from 'node:https'
import { describe, expect, it } from 'vitest'
import { Agents } from '../../../examples/kata-build-runner/api/agents.js'

class ProxyAgent extends Agent {}

describe('connections', () => {
  it('are shared as long as certificates stay, and those of calls are kept', () => {
    const agents = new Agents()
    const call = agents.forCall(new Agent({ ca: 'a', cert: 'c' })) as Agent
    const stream = agents.forStream(new Agent({ ca: 'a', cert: 'c' })) as Agent
    expect(agents.forCall(new Agent({ ca: 'a', cert: 'c' }))).toBe(call)
    expect(agents.forStream(new Agent({ ca: 'a', cert: 'c' }))).toBe(stream)
    expect([call.options.keepAlive, stream.options.keepAlive]).toEqual([true, undefined])
    expect(call.options).toMatchObject({ ca: 'a', cert: 'c' })
    const renewed = new Agent({ ca: 'a', cert: 'd' })
    expect(agents.forStream(renewed)).toBe(renewed)
    expect(agents.forCall(new Agent({ ca: 'a', cert: 'd' }))).not.toBe(call)
  })

  it('go through a proxy as they were', () => {
    const proxy = new ProxyAgent()
    expect(new Agents().forCall(proxy)).toBe(proxy)
  })
})
