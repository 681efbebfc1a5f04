import { chainOf, codeOf } from '../../../kata-build-runner/model/error-chain.js'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import type { Endpoint } from './endpoint.js'
import type { Answer } from './transport.js'

/** A registry's refusal as an error for people: its own words first. */
export function refusalOf({ name }: Endpoint, what: string, { status, body }: Answer): RunnerError {
  const said = messageOf(body)
  const words = said === undefined ? '' : `: ${plain(said, 300)}`
  return new RunnerError('API', `registry ${name} refused ${what} with ${status}${words}`, remedyOf(status))
}

/** Nothing came back. */
export function noAnswer({ name, url }: Endpoint, what: string, error: unknown): RunnerError {
  const chain = chainOf(error)
  const code = chain.map(codeOf).find((each) => each !== undefined)
  const text = plain(chain.at(-1)?.message ?? String(error), 300)
  return new RunnerError(
    'CONNECTION',
    `registry ${name}: no answer to ${what}: ${text}${code === undefined || text.includes(code) ? '' : ` (${code})`}`,
    `see whether ${url.href}v2/ can be reached from here; NODE_EXTRA_CA_CERTS names a private CA, http:// a registry without TLS`,
    { cause: error },
  )
}

/** The first of the errors that the distribution specification has in a body. */
function messageOf(body: Buffer): string | undefined {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] }
    const [first] = Array.isArray(errors) ? errors : []
    return first === undefined ? undefined : `${first.code}: ${first.message}`
  } catch {
    return undefined
  }
}

function remedyOf(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'use credentials that may read and delete there'
    case 404:
      return 'see whether the repository and the tag exist, by that name'
    case 405:
      return 'allow deletes in the registry: distribution needs `storage.delete.enabled: true`; a pull-through proxy allows none'
    case 429:
      return 'ask less often (--requests-per-second), or later; credentials often have a higher limit'
    default:
      return "see the registry's own log"
  }
}
