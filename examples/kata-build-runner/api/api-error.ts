import { ApiException } from '@kubernetes/client-node'
import { chainOf, codeOf } from '../model/error-chain.js'
import { RunnerError } from '../model/runner-error.js'
import { retryAfterHeaderMs } from './retry-after.js'

/** A server that says more than this is not waited for longer. */
const mostRetryAfterMs = 60_000

/** The HTTP status of the API server's refusal, however often it was wrapped. */
export function statusOf(error: unknown): number | undefined {
  return refusalOf(error)?.code
}

/** The API server's refusal itself: the error, or what caused it. */
export function refusalOf(error: unknown): ApiException<unknown> | undefined {
  return chainOf(error).find((each): each is ApiException<unknown> => each instanceof ApiException)
}

/** What the API server said: the message of its Status, or the first line of whatever it sent. */
export function messageOf(refusal: ApiException<unknown>): string {
  const { message } = statusBodyOf(refusal)
  if (typeof message === 'string' && message !== '') return message
  const text = typeof refusal.body === 'string' ? refusal.body.trim().split('\n')[0]! : ''
  return text === '' ? `HTTP status ${refusal.code}` : text.slice(0, 300)
}

/** Whether the same call may well succeed a moment later. Of the refusals with 4xx only 408 and 429 say so. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error)
  if (status !== undefined) return status === 408 || status === 429 || (status >= 500 && status !== 501)
  return !isUntrusted(error) && !chainOf(error).some(({ name }) => name === 'AbortError') && isTrouble(error)
}

/**
 * Whether an error is of the cluster or of the way to it, and not a mistake in this program: a refusal, an error with a
 * system's code, an answer that is no JSON.
 */
export function isTrouble(error: unknown): boolean {
  return chainOf(error).some(
    (each) =>
      each instanceof ApiException ||
      each instanceof RunnerError ||
      each instanceof SyntaxError ||
      each.name === 'AbortError' ||
      (codeOf(each) !== undefined && !codeOf(each)!.startsWith('ERR_INVALID_ARG')) ||
      // client-node, of an answer that is no JSON: a proxy's page.
      each.message.startsWith('The mediaType '),
  )
}

/** Whether the other end is not who it should be: that is never tried again, and never ignored. */
export function isUntrusted(error: unknown): boolean {
  return chainOf(error).some((each) => /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(codeOf(each) ?? ''))
}

/** How long the server asks to stay away, in milliseconds, at most a minute: its `Retry-After`, or its Status' details. */
export function retryAfterMs(error: unknown, nowMs = Date.now()): number | undefined {
  const refusal = refusalOf(error)
  if (refusal === undefined) return undefined
  // A time of day is by the server's clock, and so is its `Date`.
  const thereMs = Date.parse(headerOf(refusal, 'date') ?? '')
  const serverMs = Number.isNaN(thereMs) ? nowMs : thereMs
  const ms = retryAfterHeaderMs(headerOf(refusal, 'retry-after'), serverMs) ?? detailMs(statusBodyOf(refusal))
  return ms === undefined ? undefined : Math.min(Math.max(0, ms), mostRetryAfterMs)
}

function headerOf({ headers }: ApiException<unknown>, name: string): string | undefined {
  const found = Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)
  return found === undefined ? undefined : String(found[1])
}

function detailMs({ details }: { details?: unknown }): number | undefined {
  const seconds = (details as { retryAfterSeconds?: unknown } | undefined)?.retryAfterSeconds
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined
}

/** client-node leaves the body of a refusal as text. */
function statusBodyOf({ body }: ApiException<unknown>): { message?: unknown; details?: unknown } {
  if (typeof body !== 'string') return typeof body === 'object' && body !== null ? body : {}
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}
