/** zot's config, as an object to write as JSON: docs/registries.md compares it with distribution's registry. */
export interface ZotOptions {
  address: string
  port: number
  storageDirectory: string
  /** How old a blob without a manifest must be; no push may take longer from its first blob to its manifest. Go's words: `2h`. */
  collectDelay: string
  collectEvery: string
}

export function zotConfig({ address, port, storageDirectory, collectDelay, collectEvery }: ZotOptions): object {
  return {
    distSpecVersion: '1.1.1',
    storage: {
      rootDirectory: storageDirectory,
      gc: true,
      gcDelay: collectDelay,
      gcInterval: collectEvery,
      dedupe: true,
    },
    // docker and older podman push Docker's own manifests.
    http: { address, port: String(port), compat: ['docker2s2'] },
    log: { level: 'warn' },
  }
}
