import { ApiException } from '@kubernetes/client-node'

/** The HTTP status of an API server's refusal; undefined, if it is none. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined
}

/** One line for what an API call threw: the API server's own message first, else what lies under "fetch failed". */
export function explained(error: unknown): string {
  if (error instanceof ApiException) return `${messageOf(error.body) ?? error.message} (HTTP ${error.code})`
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

/** The client gives a body that has no type of its own as text. */
function messageOf(body: unknown): string | undefined {
  try {
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: unknown } | null
    return typeof status?.message === 'string' && status.message !== '' ? status.message : undefined
  } catch {
    return undefined
  }
}
