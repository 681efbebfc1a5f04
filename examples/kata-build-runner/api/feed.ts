export interface Change<T> {
  /** `set`: it is there, and is now so; `gone`: it was deleted, also while nobody watched. */
  type: 'set' | 'gone'
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
  /** How long the API server has not been heard of, in milliseconds; 0 before the start. */
  silentMs(now: Date): number
}
