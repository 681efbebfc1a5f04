import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'

/** Where a registry is asked. */
export interface Endpoint {
  /** As users and docker's `config.json` name it: `registry.example:5000`. */
  name: string
  /** Scheme and host, without a path. */
  url: URL
}

/** Docker Hub's API is on another host than its name. */
const hubNames = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

/** @param host with or without a port. Docker Hub answers `GET /v2/_catalog` with 401, whatever the credentials may. */
export function listsRepositories(host: string): boolean {
  return !hubNames.has(host.replace(/:\d+$/, ''))
}

/**
 * @param text `host[:port]`, which is asked by HTTPS, or by HTTP on this machine itself; or a URL with its scheme
 * @throws RunnerError `USAGE`
 */
export function endpointOf(text: string): Endpoint {
  const withScheme = /^https?:\/\//.test(text) ? text : `${isLoopback(text) ? 'http' : 'https'}://${text}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  const isBare = url !== undefined && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === ''
  if (url === undefined || !isBare || url.username !== '' || url.password !== '') {
    throw new RunnerError(
      'USAGE',
      `"${text}" is not the address of a registry`,
      'write host, host:port, or http://host:port for a registry without TLS; credentials belong into the docker config',
    )
  }
  if (hubNames.has(url.hostname)) return { name: 'docker.io', url: new URL('https://registry-1.docker.io') }
  return { name: url.host, url }
}

function isLoopback(text: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?\/?$/.test(text)
}
