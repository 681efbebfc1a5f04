import { createHash } from 'node:crypto'
import type { Agent as HttpAgent } from 'node:http'
import { Agent, type AgentOptions } from 'node:https'
import { createSecureContext } from 'node:tls'

/** Calls wait for each other beyond so many connections: hundreds of builds begin at once. */
const mostCallSockets = 64

/**
 * client-node makes an agent for each request, so each would be a handshake of its own, with certificates that are parsed
 * anew and kept for each connection. Here requests share both for as long as what the handshake is made with stays the
 * same: certificates may be renewed.
 */
export class Agents {
  #key = ''
  #streams: HttpAgent | undefined
  #calls: HttpAgent | undefined

  /** @param made what client-node made for this request */
  forStream(made: HttpAgent): HttpAgent {
    this.#update(made)
    return this.#streams!
  }

  /** As for streams, with connections that are used again. */
  forCall(made: HttpAgent): HttpAgent {
    this.#update(made)
    return this.#calls!
  }

  #update(made: HttpAgent): void {
    const { ca, cert, key, pfx, servername } = (made as Agent).options
    const hash = createHash('sha256').update(JSON.stringify([ca, cert, key, pfx, servername].map(String)))
    const digest = hash.digest('base64')
    if (this.#key === digest) return
    this.#key = digest
    // An agent for a proxy is of another class, and stays as it is.
    const isPlain = made.constructor === Agent
    const options = isPlain ? sharing((made as Agent).options) : undefined
    this.#streams = options === undefined ? made : new Agent(options)
    this.#calls = options === undefined ? made : new Agent({ ...options, keepAlive: true, maxSockets: mostCallSockets })
  }
}

/** The same, with what is made of certificates made once. */
function sharing(options: AgentOptions): AgentOptions {
  return { ...options, secureContext: createSecureContext(options) }
}
