export interface BackoffOptions {
  firstMs: number
  mostMs: number
  /** @default Math.random */
  random?: () => number
}

/** How long to wait before the next try: doubling, with jitter so that hundreds of builds do not come back as one. */
export class Backoff {
  readonly #options: Required<BackoffOptions>
  #tries = 0

  constructor({ firstMs, mostMs, random = Math.random }: BackoffOptions) {
    this.#options = { firstMs, mostMs, random }
  }

  /** @param saidMs how long the server asked to stay away */
  nextMs(saidMs?: number): number {
    const { firstMs, mostMs, random } = this.#options
    const waitMs = Math.min(mostMs, firstMs * 2 ** this.#tries++)
    // Never earlier than the server said.
    return saidMs === undefined ? waitMs * (0.5 + random() / 2) : saidMs + random() * firstMs
  }

  reset(): void {
    this.#tries = 0
  }
}
