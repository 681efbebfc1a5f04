import { writeFileSync } from 'node:fs'
import { stringify } from 'yaml'

export interface KubeconfigOptions {
  server: string
  /** PEM. @default none: the system's authorities */
  ca?: string
  /** @default none */
  token?: string
  namespace?: string
  insecureSkipTlsVerify?: boolean
}

export function writeKubeconfig(path: string, options: KubeconfigOptions): string {
  const { server, ca, token, namespace, insecureSkipTlsVerify } = options
  const cluster = {
    server,
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(insecureSkipTlsVerify === undefined ? {} : { 'insecure-skip-tls-verify': insecureSkipTlsVerify }),
  }
  const context = { cluster: 'fake', user: 'fake', ...(namespace === undefined ? {} : { namespace }) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'fake', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'fake', context }],
    'current-context': 'fake',
  }
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return path
}
