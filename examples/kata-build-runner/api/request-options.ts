import {
  type ConfigurationOptions,
  Observable,
  type RequestContext,
  type ResponseContext,
} from '@kubernetes/client-node'
import type { Agents } from './agents.js'

/** Options of client-node's requests: what ends one, what its body is, and which connections it uses. */
export function requestOptions(agents: Agents, signal: AbortSignal, contentType?: string): ConfigurationOptions {
  const pre = (request: RequestContext) => {
    request.setSignal(signal)
    const made = request.getAgent()
    if (made !== undefined) request.setAgent(agents.forCall(made))
    // Without this it would send a patch as a JSON patch, whatever it is.
    if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType)
    return new Observable(Promise.resolve(request))
  }
  const post = (response: ResponseContext) => new Observable(Promise.resolve(response))
  return { middleware: [{ pre, post }], middlewareMergeStrategy: 'replace' }
}
