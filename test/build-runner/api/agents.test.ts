import { Agent } from 'node:https'
import { describe, expect, it } from 'vitest'
import { Agents } from '../../../examples/kata-build-runner/api/agents.js'
import { sharedCertificates } from '../../fakes/kube-api/certificates.js'

class ProxyAgent extends Agent {}

describe('connections', () => {
  it('are shared as long as certificates stay, and those of calls are kept', async () => {
    const { ca, cert, key } = await sharedCertificates()
    const agents = new Agents()
    const call = agents.forCall(new Agent({ ca })) as Agent
    const stream = agents.forStream(new Agent({ ca })) as Agent
    expect(agents.forCall(new Agent({ ca }))).toBe(call)
    expect(agents.forStream(new Agent({ ca }))).toBe(stream)
    expect([call.options.keepAlive, stream.options.keepAlive]).toEqual([true, undefined])
    // Parsed once: hundreds of logs would have hundreds of copies.
    expect(call.options.secureContext).toBe(stream.options.secureContext)
    const renewed = agents.forStream(new Agent({ ca, cert, key })) as Agent
    expect(renewed).not.toBe(stream)
    expect(renewed.options).toMatchObject({ ca, cert, key })
    expect(renewed.options.secureContext).not.toBe(stream.options.secureContext)
    expect(agents.forCall(new Agent({ ca, cert, key }))).not.toBe(call)
  })

  it('go through a proxy as they were', () => {
    const proxy = new ProxyAgent()
    expect(new Agents().forCall(proxy)).toBe(proxy)
  })
})
