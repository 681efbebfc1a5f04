interface Part {
  repository: string
  digest: string
  atMs: number
}

/** So many at once are more than pushes in flight have: the old ones are forgotten before the next is noted. */
const manyParts = 1000

/**
 * Blobs of pushes in flight. A push sends its blobs first and then the manifest that names them; between the two nothing
 * refers to these blobs, and garbage collection would take them. So each blob that was sent, or that a client was told is
 * there already, counts as part of a push until a manifest of its repository names it.
 */
export class Pushes {
  readonly #parts = new Map<string, Part>()
  readonly #windowMs: number
  readonly #now: () => number

  /** @param windowMs what no manifest names for so long belongs to a push that was given up */
  constructor(windowMs: number, now: () => number = () => performance.now()) {
    this.#windowMs = windowMs
    this.#now = now
  }

  /** A blob was sent to a repository, mounted in it, or found there. */
  saw(repository: string, digest: string): void {
    if (this.#parts.size > manyParts) this.#forget()
    this.#parts.set(keyOf(repository, digest), { repository, digest, atMs: this.#now() })
  }

  /** A manifest was accepted: it refers to these from now on. */
  completed(repository: string, digests: Iterable<string>): void {
    for (const digest of digests) this.#parts.delete(keyOf(repository, digest))
  }

  /** What nothing refers to yet. */
  parts(): { repository: string; digest: string }[] {
    this.#forget()
    return [...this.#parts.values()].map(({ repository, digest }) => ({ repository, digest }))
  }

  #forget(): void {
    const beforeMs = this.#now() - this.#windowMs
    for (const [key, { atMs }] of this.#parts) if (atMs < beforeMs) this.#parts.delete(key)
  }
}

function keyOf(repository: string, digest: string): string {
  return `${repository}@${digest}`
}

/** Every digest that a manifest names, whatever its type. */
export function digestsIn(manifest: string): Set<string> {
  return new Set(manifest.match(/\b[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}\b/g))
}
