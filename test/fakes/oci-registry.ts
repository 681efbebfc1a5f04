import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterTests } from '../support/after-tests.js'
import { digestOf } from '../support/oci-layout.js'

/** A registry of few lines that speaks the distribution API with what Debian's does not have: tokens, pages of tags, limits. */
export class OciRegistry {
  readonly requests: string[] = []
  /** By repository and reference. */
  readonly manifests = new Map<string, string>()
  readonly blobs = new Map<string, string>()
  /** Answers the next requests instead. */
  readonly refusals: { status: number; headers?: Record<string, string>; body?: string }[] = []
  /** `user:password`, for whom tokens are given. */
  account: string | undefined
  pageLength = 2
  hasReferrersApi = true
  canDeleteTags = false
  /** Docker Hub and others do not list their repositories. */
  hasCatalog = true
  readonly #server = createServer((request, response) => this.#serve(request, response))

  static async start(): Promise<OciRegistry> {
    const registry = new OciRegistry()
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve))
    started.add(registry)
    return registry
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** @returns its digest */
  manifest(repository: string, tags: readonly string[], value: object): string {
    const text = JSON.stringify(value)
    for (const reference of [...tags, digestOf(text)]) this.manifests.set(`${repository} ${reference}`, text)
    return digestOf(text)
  }

  /** An image made at that time. */
  image(repository: string, tags: readonly string[], created: string, rest: object = {}): string {
    const config = JSON.stringify({ created, nonce: `${tags}${JSON.stringify(rest)}` })
    this.blobs.set(digestOf(config), config)
    const mediaType = 'application/vnd.oci.image.config.v1+json'
    return this.manifest(repository, tags, {
      schemaVersion: 2,
      config: { mediaType, digest: digestOf(config), size: 1 },
      ...rest,
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #serve({ method = '', url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://registry')
    this.requests.push(`${method} ${url}`)
    const answer = (status: number, body = '', more: Record<string, string> = {}) => {
      response.writeHead(status, more)
      response.end(method === 'HEAD' ? '' : body)
    }
    if (pathname === '/token') {
      const isKnown = headers.authorization === `Basic ${Buffer.from(this.account ?? '').toString('base64')}`
      answer(isKnown ? 200 : 401, JSON.stringify({ token: `for ${searchParams.get('scope')}` }))
      return
    }
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      answer(refusal.status, refusal.body, refusal.headers)
      return
    }
    if (pathname === '/v2/_catalog') {
      const repositories = [...new Set([...this.manifests.keys()].map((key) => key.split(' ')[0]))]
      answer(this.hasCatalog ? 200 : 401, this.hasCatalog ? JSON.stringify({ repositories }) : '')
      return
    }
    const [, repository = '', kind, rest = ''] =
      /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\/(.+)$/.exec(pathname) ?? []
    const scope = `repository:${repository}:${method === 'DELETE' ? 'pull,delete' : 'pull'}`
    if (this.account !== undefined && headers.authorization !== `Bearer for ${scope}`) {
      const realm = `Bearer realm="http://${this.address}/token",service="fake",scope="${scope}"`
      answer(401, '', { 'www-authenticate': realm })
      return
    }
    const found = this.manifests.get(`${repository} ${rest}`)
    if (kind === 'tags') this.#tags(repository, searchParams.get('last') ?? '', answer)
    else if (kind === 'blobs') answer(this.blobs.has(rest) ? 200 : 404, this.blobs.get(rest))
    else if (kind === 'referrers') this.#referrers(repository, rest, answer)
    else if (found === undefined) answer(404)
    else if (method === 'DELETE') this.#delete(repository, rest, answer)
    else answer(200, found, { 'docker-content-digest': digestOf(found) })
  }

  #tags(repository: string, last: string, answer: Answer): void {
    const names = [...this.manifests.keys()].map((key) => key.split(' '))
    const all = names
      .flatMap(([name, tag = '']) => (name === repository && !tag.startsWith('sha256:') ? [tag] : []))
      .sort()
    const tags = all.filter((tag) => tag > last).slice(0, this.pageLength)
    const isLast = tags.at(-1) === all.at(-1)
    const link = `</v2/${repository}/tags/list?n=${this.pageLength}&last=${tags.at(-1)}>; rel="next"`
    answer(200, JSON.stringify({ name: repository, tags }), isLast ? {} : { link })
  }

  #referrers(repository: string, digest: string, answer: Answer): void {
    const all = [...this.manifests].filter(([key, text]) => {
      return key.startsWith(`${repository} sha256:`) && JSON.parse(text).subject?.digest === digest
    })
    if (!this.hasReferrersApi) answer(404)
    else answer(200, JSON.stringify({ manifests: all.map(([, text]) => ({ digest: digestOf(text) })) }))
  }

  #delete(repository: string, reference: string, answer: Answer): void {
    if (!reference.startsWith('sha256:') && !this.canDeleteTags) {
      answer(405)
      return
    }
    const text = this.manifests.get(`${repository} ${reference}`)
    for (const [key, other] of this.manifests) {
      const isMeant = reference.startsWith('sha256:') ? other === text : key === `${repository} ${reference}`
      if (key.startsWith(`${repository} `) && isMeant) this.manifests.delete(key)
    }
    answer(202)
  }
}

type Answer = (status: number, body?: string, headers?: Record<string, string>) => void

const started = new Set<OciRegistry>()
afterTests(() => {
  for (const registry of started) registry.close()
  started.clear()
})
