/** Configs of distribution's registry (`registry serve`), as objects to write as YAML: docs/registries.md says why. */

/** A registry that mirrors one upstream: what is pulled through it stays on its volume. */
export interface ProxyOptions {
  listen: string
  storageDirectory: string
  /** `https://registry-1.docker.io` */
  upstreamUrl: string
}

export interface LocalOptions {
  listen: string
  storageDirectory: string
  /** The same in each of a registry's lives, or uploads that began before a restart are refused. */
  httpSecret: string
}

/**
 * User and password come by the environment (`REGISTRY_PROXY_USERNAME`, `REGISTRY_PROXY_PASSWORD`), from a Secret and not
 * by a ConfigMap. Such a registry takes no pushes, and removes what it holds after seven days by itself.
 */
export function proxyConfig({ listen, storageDirectory, upstreamUrl }: ProxyOptions): object {
  const { storage, ...rest } = commonConfig(listen, storageDirectory)
  // Without delete.enabled the proxy cannot remove what has expired (distribution's proxy scheduler).
  return { ...rest, storage, proxy: { remoteurl: upstreamUrl } }
}

export function localConfig({ listen, storageDirectory, httpSecret }: LocalOptions): object {
  const { http, ...rest } = commonConfig(listen, storageDirectory)
  return { ...rest, http: { ...http, secret: httpSecret } }
}

function commonConfig(listen: string, storageDirectory: string) {
  return {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storageDirectory },
      delete: { enabled: true },
      // Without a cache of blob descriptors: it still names blobs that garbage collection has removed
      // (distribution#3743, #4569), and a push then leaves them out.
      maintenance: { uploadpurging: { enabled: true, age: '24h', interval: '1h', dryrun: false } },
    },
    // Relative, because the gate in front of it has another port.
    http: { addr: listen, relativeurls: true },
  }
}
