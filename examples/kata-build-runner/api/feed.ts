import type { V1Job, V1Pod } from '@kubernetes/client-node'
import { type Clock, systemClock } from '../model/clock.js'
import { isTrouble, retryAfterMs, statusOf } from './api-error.js'
import { Backoff } from './backoff.js'
import { changeOf, expired, type WatchEvent } from './watch-event.js'

export interface Change<T> {
  /**
   * `set`: it is there, and is now so; `deleted`: it is gone, and was so at its end; `missing`: it went while nobody
   * watched, and was so once.
   */
  type: 'set' | 'deleted' | 'missing'
  object: T
}

/** All objects of one kind with the same labels, kept up to date by one watch, for as many as want to know. */
export interface Feed<T> {
  /** @returns ends it */
  subscribe(listener: (change: Change<T>) => void): () => void
  /** Further calls do nothing. */
  start(): void
  stop(): Promise<void>
  get(name: string): T | undefined
  all(): T[]
  /** How long the API server has not been heard of, in milliseconds; 0 before the start, and while the watch is open. */
  silentMs(): number
  /** Why that is; undefined while all is well. */
  readonly trouble: Error | undefined
}

/** Where a feed's objects come from. */
export interface FeedSource<T> {
  list(signal: AbortSignal): Promise<{ version: string; items: T[] }>
  /** Resolves once the server has answered. The stream fails if nothing comes for so long that bookmarks must be missing. */
  watch(version: string, timeoutSeconds: number, signal: AbortSignal): Promise<AsyncIterable<WatchEvent<T>>>
}

export interface FeedTiming {
  /** Between two tries, in milliseconds. */
  firstRetryMs: number
  mostRetryMs: number
  clock: Clock
  random: () => number
}

const usualTiming: FeedTiming = { firstRetryMs: 1000, mostRetryMs: 30_000, clock: systemClock, random: Math.random }

/** A watch that fails so often in a row has a version that the server cannot use, for whatever reason: list again. */
const mostFailedWatches = 3

/** List, then watch from the list's version, then from the last event's or bookmark's, for as long as the server has it. */
export class WatchFeed<T extends V1Job | V1Pod> implements Feed<T> {
  readonly #source: FeedSource<T>
  readonly #timing: FeedTiming
  readonly #backoff: Backoff
  readonly #listeners = new Set<(change: Change<T>) => void>()
  readonly #objects = new Map<string, T>()
  #stopping = new AbortController()
  #running: Promise<void> | undefined
  /** To watch from; undefined: only a list knows. */
  #version: string | undefined
  #failedWatches = 0
  #heardMs = 0
  #isConnected = false
  trouble: Error | undefined

  constructor(source: FeedSource<T>, timing: Partial<FeedTiming> = {}) {
    this.#source = source
    this.#timing = { ...usualTiming, ...timing }
    const { firstRetryMs: firstMs, mostRetryMs: mostMs, random } = this.#timing
    this.#backoff = new Backoff({ firstMs, mostMs, random })
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#heardMs = this.#timing.clock.now()
    this.#running = this.#run(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    this.#running = undefined
  }

  get(name: string): T | undefined {
    return this.#objects.get(name)
  }

  all(): T[] {
    return [...this.#objects.values()]
  }

  silentMs(): number {
    return this.#running === undefined || this.#isConnected ? 0 : this.#timing.clock.now() - this.#heardMs
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal)
        await this.#watch(signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isTrouble(error)) throw error
        this.#failed(error as Error)
        await this.#timing.clock.sleep(this.#backoff.nextMs(retryAfterMs(error)), signal)
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { version, items } = await this.#source.list(signal)
    this.#heard()
    const found = new Map(items.map((item) => [nameOf(item), item]))
    for (const [name, before] of [...this.#objects]) {
      if (found.get(name)?.metadata?.uid !== before.metadata?.uid) this.#gone('missing', before)
    }
    for (const item of items) {
      const before = this.#objects.get(nameOf(item))
      if (before?.metadata?.resourceVersion !== item.metadata?.resourceVersion) this.#set(item)
    }
    this.#version = version
    this.#failedWatches = 0
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // As client-go: hundreds of clients that began together do not come back together.
    const timeoutSeconds = Math.round(300 * (1 + this.#timing.random()))
    const events = await this.#source.watch(this.#version!, timeoutSeconds, signal)
    try {
      this.#isConnected = true
      this.trouble = undefined
      await this.#read(events)
      // An end without an event, at once and again and again, is no reason to ask without a pause, nor the pause a silence.
      await this.#timing.clock.sleep(this.#backoff.nextMs(), signal)
    } finally {
      this.#isConnected = false
      // Until now it was connected, however quiet: what counts is how long it has been tried in vain since.
      this.#heard()
    }
  }

  async #read(events: AsyncIterable<WatchEvent<T>>): Promise<void> {
    const openedMs = this.#timing.clock.now()
    try {
      for await (const event of events) this.#take(event)
    } finally {
      if (this.#timing.clock.now() - openedMs >= this.#timing.mostRetryMs) this.#backoff.reset()
    }
  }

  #take(event: WatchEvent<T>): void {
    const change = changeOf(event)
    this.#backoff.reset()
    this.#failedWatches = 0
    if (change.type === 'bookmark') {
      this.#version = change.version
      return
    }
    const { type, object } = change
    this.#version = object.metadata?.resourceVersion ?? this.#version
    const before = this.#objects.get(nameOf(object))
    if (before !== undefined && before.metadata?.uid !== object.metadata?.uid) this.#gone('missing', before)
    if (type === 'set') this.#set(object)
    else this.#gone(type, object)
  }

  #failed(error: Error): void {
    this.trouble = error
    this.#failedWatches++
    if (statusOf(error) === expired || this.#failedWatches >= mostFailedWatches) this.#version = undefined
  }

  #heard(): void {
    this.#heardMs = this.#timing.clock.now()
  }

  #set(object: T): void {
    this.#objects.set(nameOf(object), object)
    this.#tell({ type: 'set', object })
  }

  #gone(type: 'deleted' | 'missing', object: T): void {
    this.#objects.delete(nameOf(object))
    this.#tell({ type, object })
  }

  #tell(change: Change<T>): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

function nameOf(object: V1Job | V1Pod): string {
  return object.metadata?.name ?? ''
}
