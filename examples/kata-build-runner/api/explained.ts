import { chainOf, codeOf } from '../model/error-chain.js'
import { plain } from '../model/plain-text.js'
import { RunnerError } from '../model/runner-error.js'
import { isTrouble, isUntrusted, messageOf, refusalOf } from './api-error.js'

/**
 * An error of a call as one for people, with what caused it as its cause.
 *
 * @param what was asked for: "create Job a-1"
 * @param server its URL
 * @returns the error itself, if it is none of the cluster's or of the way to it
 */
export function explained(what: string, server: string, error: unknown): unknown {
  if (error instanceof RunnerError) return error
  const refusal = refusalOf(error)
  if (refusal !== undefined) {
    const text = `${what}: the API server refused with ${refusal.code}: ${plain(messageOf(refusal))}`
    return new RunnerError('API', text, remedyOf(refusal.code), { cause: error })
  }
  if (isUntrusted(error)) {
    return new RunnerError(
      'CONNECTION',
      `${what}: ${server} cannot be trusted: ${wordsOf(error)}`,
      "see the cluster's `certificate-authority` and `tls-server-name` in the kubeconfig; verification is never turned off",
      { cause: error },
    )
  }
  if (!isTrouble(error)) return error
  return new RunnerError(
    'API',
    `${what}: no answer from ${server}: ${wordsOf(error)}`,
    'see whether the API server can be reached from here: kubectl version',
    { cause: error },
  )
}

function remedyOf(status: number): string {
  switch (status) {
    case 401:
      return 'the credentials in the kubeconfig are unknown or have expired: renew them'
    case 403:
      return 'give the runner the rights of rbac.yaml; `preflight` says which are missing. Admission refuses with 403, too'
    case 404:
      return 'see whether it exists, and `jobsNamespace`'
    case 409:
      return 'it exists already, or was changed meanwhile: look at it, and try again'
    case 422:
    case 400:
      return 'the API server takes no such object: correct what it names'
    case 429:
      return 'the API server has too much to do, also after all tries: try again later, or raise `requestretry.maxAttempts`'
    default:
      return 'the API server has a problem of its own, also after all tries: see its log'
  }
}

function wordsOf(error: unknown): string {
  const chain = chainOf(error)
  const code = chain.map(codeOf).find((each) => each !== undefined)
  const text = plain(chain[0]?.message ?? String(error))
  return code === undefined || text.includes(code) ? text : `${text} (${code})`
}
