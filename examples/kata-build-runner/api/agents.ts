import { createHash } from 'node:crypto'
import type { Agent as HttpAgent } from 'node:http'
import { Agent } from 'node:https'

/** Calls wait for each other beyond so many connections: hundreds of builds begin at once. */
const mostCallSockets = 64

/**
 * client-node makes an agent for each request, so each would be a handshake of its own. Here requests share one for as
 * long as what the handshake is made with stays the same: certificates may be renewed.
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
    this.#streams = made
    // An agent for a proxy is of another class, and stays as it is.
    const isPlain = made.constructor === Agent
    this.#calls = isPlain
      ? new Agent({ ...(made as Agent).options, keepAlive: true, maxSockets: mostCallSockets })
      : made
  }
}
