import { z } from 'zod'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { type Challenge, challengesOf } from './challenge.js'
import type { Credentials } from './credentials.js'

const tokenAnswer = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() })

/** How a token is asked for. */
export type Ask = (url: URL, init: RequestInit) => Promise<Response>

/**
 * The `Authorization` of requests to one registry: none until it asks, then what it asks for. A token is kept for its
 * scope until the registry refuses it; clocks are not compared.
 */
export class Authorization {
  readonly #registry: string
  readonly #credentials: Credentials | undefined
  readonly #ask: Ask
  readonly #headers = new Map<string, string>()

  constructor(registry: string, credentials: Credentials | undefined, ask: Ask) {
    this.#registry = registry
    this.#credentials = credentials
    this.#ask = ask
  }

  /** @param scope `repository:app:pull,delete` */
  headerFor(scope: string): string | undefined {
    return this.#headers.get(scope)
  }

  /**
   * Answers a 401.
   *
   * @returns whether there is another header now, so that the request is worth another try
   */
  async answer(scope: string, challengeHeader: string | null): Promise<boolean> {
    const challenges = challengesOf(challengeHeader ?? '')
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
    const header = bearer === undefined ? this.#basic() : `Bearer ${await this.#token(bearer, scope)}`
    if (header === undefined || header === this.#headers.get(scope)) return false
    this.#headers.set(scope, header)
    return true
  }

  #basic(): string | undefined {
    if (this.#credentials === undefined || this.#credentials.password === '') return undefined
    const { user, password } = this.#credentials
    return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  }

  /** Distribution's token protocol: GET with the password, or OAuth2's POST with a refresh token. */
  async #token({ parameters }: Challenge, scope: string): Promise<string> {
    const realm = parameters.get('realm') ?? ''
    if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol)) {
      throw this.#refused(`it names no URL for tokens (realm="${realm}")`)
    }
    const url = new URL(realm)
    const service = parameters.get('service') ?? ''
    // The registry's own word goes first: Azure's has scopes of its own (`metadata_read`).
    const wanted = parameters.get('scope') ?? scope
    const identityToken = this.#credentials?.identityToken
    const answer = await (identityToken === undefined
      ? this.#ask(withQuery(url, { service, scope: wanted }), headersOf(this.#basic()))
      : this.#ask(url, {
          method: 'POST',
          body: new URLSearchParams({
            ...{ grant_type: 'refresh_token', refresh_token: identityToken, service, scope: wanted },
            client_id: 'shm-liveness-buildkit-ci',
          }),
        }))
    if (!answer.ok) throw this.#refused(`${url.host} answered ${answer.status} when asked for a token for ${wanted}`)
    const { token, access_token } = tokenAnswer.parse(await answer.json().catch(() => ({})))
    const given = token ?? access_token
    if (given === undefined) throw this.#refused(`${url.host} answered without a token`)
    return given
  }

  #refused(why: string): RunnerError {
    return new RunnerError(
      'CONNECTION',
      `cannot log in to ${this.#registry}: ${why}`,
      this.#credentials === undefined
        ? 'log in to it first: no credentials for it are in the docker config'
        : 'see whether the credentials in the docker config are still valid, and what they allow',
    )
  }
}

function withQuery(url: URL, values: Record<string, string>): URL {
  const whole = new URL(url)
  for (const [name, value] of Object.entries(values)) if (value !== '') whole.searchParams.set(name, value)
  return whole
}

function headersOf(authorization: string | undefined): RequestInit {
  return authorization === undefined ? {} : { headers: { authorization } }
}
