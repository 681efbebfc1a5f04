import {
  type ConfigurationOptions,
  Observable,
  type RequestContext,
  type ResponseContext,
} from '@kubernetes/client-node'

/** Options of one request of client-node's: what ends it, and what its body is. */
export function requestOptions(signal: AbortSignal, contentType?: string): ConfigurationOptions {
  const pre = (request: RequestContext) => {
    request.setSignal(signal)
    // Without this it would send a patch as a JSON patch, whatever it is.
    if (contentType !== undefined) request.setHeaderParam('Content-Type', contentType)
    return new Observable(Promise.resolve(request))
  }
  const post = (response: ResponseContext) => new Observable(Promise.resolve(response))
  return { middleware: [{ pre, post }], middlewareMergeStrategy: 'replace' }
}
