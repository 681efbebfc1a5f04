import { ApiException } from '@kubernetes/client-node'

/** The HTTP status of the API server's refusal, however often it was wrapped. */
export function statusOf(error: unknown): number | undefined {
  return refusalOf(error)?.code
}

/** The API server's refusal itself: the error, or what caused it. */
export function refusalOf(error: unknown): ApiException<unknown> | undefined {
  let inner = error
  for (let depth = 0; depth < 8 && inner instanceof Error; depth++, inner = inner.cause) {
    if (inner instanceof ApiException) return inner
  }
  return undefined
}
