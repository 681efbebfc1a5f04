import { createHash } from 'node:crypto'
import { z } from 'zod'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { nextPageOf } from './link.js'
import { acceptedTypes, type Manifest, parseManifest } from './manifest.js'
import type { Answer, Transport } from './transport.js'

const catalogPage = z.looseObject({ repositories: z.array(z.string()).nullish() })
const tagsPage = z.looseObject({ tags: z.array(z.string()).nullish() })
const referrersPage = z.looseObject({ manifests: z.array(z.looseObject({ digest: z.string() })).nullish() })

const pageLength = 100
/** A registry whose pages never end is not followed for ever. */
const mostPages = 10_000
const digestPattern = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-zA-Z=_-]{32,}$/

/** The OCI distribution API of one registry, as far as clean-up needs it. */
export class RegistryClient {
  readonly #transport: Transport
  readonly #manifests = new Map<string, Promise<Manifest | undefined>>()
  #hasReferrersApi = true

  constructor(transport: Transport) {
    this.#transport = transport
  }

  get name(): string {
    return this.#transport.endpoint.name
  }

  /** The names of all repositories; many hosted registries do not tell them (404, 401 or 403). */
  repositories(): Promise<string[]> {
    return this.#pages(
      `/v2/_catalog?n=${pageLength}`,
      'registry:catalog:*',
      (value) => catalogPage.parse(value).repositories,
    )
  }

  /** Sorted; empty for a repository that does not exist, or has no tag left. */
  async tags(repository: string): Promise<string[]> {
    const path = `/v2/${repository}/tags/list?n=${pageLength}`
    const tags = await this.#pages(path, pull(repository), (value) => tagsPage.parse(value).tags)
    return [...new Set(tags)].sort()
  }

  /** Which manifest a tag, or a digest, refers to; undefined, if it does not exist. */
  async digestOf(repository: string, reference: string): Promise<string | undefined> {
    const answer = await this.#ask('HEAD', repository, reference)
    if (answer === undefined) return undefined
    const digest = answer.headers.get('docker-content-digest')
    if (digest !== null && digestPattern.test(digest)) return digest
    // The header is optional: the digest is that of the bytes.
    const whole = await this.#ask('GET', repository, reference)
    return whole === undefined ? undefined : sha256Of(whole.body)
  }

  /** By digest, so that its content never changes: read once. Undefined, if it does not exist. */
  manifest(repository: string, digest: string): Promise<Manifest | undefined> {
    const key = `${repository}@${digest}`
    const known = this.#manifests.get(key)
    if (known !== undefined) return known
    const asked = this.#readManifest(repository, digest)
    this.#manifests.set(key, asked)
    asked.catch(() => this.#manifests.delete(key))
    return asked
  }

  async #readManifest(repository: string, digest: string): Promise<Manifest | undefined> {
    const answer = await this.#ask('GET', repository, digest)
    if (answer === undefined) return undefined
    this.#expectDigest(repository, digest, answer.body)
    try {
      return parseManifest(digest, answer.body)
    } catch (error) {
      throw this.#odd(`manifest ${repository}@${digest} cannot be read`, error)
    }
  }

  /** A small blob: an image's config. Undefined, if it does not exist. */
  async blob(repository: string, digest: string): Promise<Buffer | undefined> {
    const path = `/v2/${repository}/blobs/${digest}`
    const answer = await this.#transport.send({ method: 'GET', path, scope: pull(repository), expected: [404] })
    if (answer.status === 404) return undefined
    this.#expectDigest(repository, digest, answer.body)
    return answer.body
  }

  /**
   * The manifests that have this one as their `subject`. Without the referrers API (before OCI 1.1) clients list them in
   * an index with the tag `sha256-<hex>`.
   */
  async referrers(repository: string, digest: string): Promise<string[]> {
    if (this.#hasReferrersApi) {
      const path = `/v2/${repository}/referrers/${digest}`
      const found = await this.#pages(path, pull(repository), referrersOf, [400, 404])
      if (found !== undefined) return found
      this.#hasReferrersApi = false
    }
    const listed = await this.#ask('GET', repository, digest.replace(':', '-'))
    if (listed === undefined) return []
    try {
      return referrersOf(JSON.parse(listed.body.toString()))
    } catch (error) {
      throw this.#odd(`the list of referrers of ${repository}@${digest} cannot be read`, error)
    }
  }

  /** @returns false, if it was gone already */
  async deleteManifest(repository: string, digest: string): Promise<boolean> {
    const path = `/v2/${repository}/manifests/${digest}`
    const answer = await this.#transport.send({ method: 'DELETE', path, scope: change(repository), expected: [404] })
    this.#manifests.delete(`${repository}@${digest}`)
    return answer.status !== 404
  }

  /**
   * Removes a tag and leaves the manifest that it refers to.
   *
   * @returns false, if the registry cannot do that: it is optional in the specification, and distribution 2 cannot
   */
  async deleteTag(repository: string, tag: string): Promise<boolean> {
    const path = `/v2/${repository}/manifests/${tag}`
    const request = { method: 'DELETE', path, scope: change(repository), expected: [400, 404, 405] } as const
    return ![400, 405].includes((await this.#transport.send(request)).status)
  }

  async #ask(method: 'GET' | 'HEAD', repository: string, reference: string): Promise<Answer | undefined> {
    const path = `/v2/${repository}/manifests/${reference}`
    const answer = await this.#transport.send({
      ...{ method, path, scope: pull(repository) },
      ...{ accept: acceptedTypes, expected: [404] },
    })
    return answer.status === 404 ? undefined : answer
  }

  async #pages(path: string, scope: string, itemsOf: ItemsOf): Promise<string[]>
  async #pages(path: string, scope: string, itemsOf: ItemsOf, absent: number[]): Promise<string[] | undefined>
  async #pages(path: string, scope: string, itemsOf: ItemsOf, absent?: number[]): Promise<string[] | undefined> {
    const items: string[] = []
    const seen = new Set<string>()
    let next: string | undefined = path
    while (next !== undefined) {
      if (seen.has(next) || seen.size === mostPages) throw this.#odd(`the pages of ${path} do not end`)
      seen.add(next)
      // A repository whose last tag is gone is unknown to some registries (404).
      const expected: number[] = absent ?? (path.includes('/tags/list') ? [404] : [])
      const answer: Answer = await this.#transport.send({ method: 'GET', path: next, scope, expected })
      if (expected.includes(answer.status)) return absent === undefined ? [] : undefined
      try {
        items.push(...(itemsOf(JSON.parse(answer.body.toString())) ?? []))
        next = nextPageOf(answer.headers.get('link'), new URL(next, this.#transport.endpoint.url))
      } catch (error) {
        throw this.#odd(`the answer to GET ${next} cannot be read`, error)
      }
    }
    return items
  }

  #expectDigest(repository: string, digest: string, body: Buffer): void {
    if (digest.startsWith('sha256:') && sha256Of(body) !== digest) {
      throw this.#odd(`${repository}@${digest} has another digest: ${sha256Of(body)}`)
    }
  }

  #odd(what: string, cause?: unknown): RunnerError {
    const why = cause instanceof Error ? `: ${plain(cause.message, 200)}` : ''
    return new RunnerError(
      'API',
      `registry ${this.name}: ${what}${why}`,
      'see whether this is the address of a registry, and whether its storage is damaged; nothing is deleted on such an answer',
      { cause },
    )
  }
}

type ItemsOf = (value: unknown) => string[] | null | undefined

function referrersOf(value: unknown): string[] {
  return (referrersPage.parse(value).manifests ?? []).map(({ digest }) => digest)
}

function sha256Of(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function pull(repository: string): string {
  return `repository:${repository}:pull`
}

function change(repository: string): string {
  return `repository:${repository}:pull,delete`
}
