import { readFileSync } from 'node:fs'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { CiError } from '../model/ci-error.js'

/** Files in PEM. The daemon of a `tcp` address wants all three, unless it is configured without TLS. */
export interface TlsFiles {
  caCert: string
  cert: string
  key: string
  /** The name in the daemon's certificate, if it is not the address's. */
  serverName?: string | undefined
}

/** The target as the gRPC library has it: `unix:/run/…`, `dns:host:port`. @throws CiError `ADDRESS_INVALID` */
export function targetOf(address: string): string {
  const socket = /^unix:\/\/(\/.+)$/.exec(address)?.[1]
  if (socket !== undefined) return `unix:${socket}`
  const server = /^tcp:\/\/([^/]+:\d{1,5})$/.exec(address)?.[1]
  if (server !== undefined) return `dns:${server}`
  throw new CiError(
    'ADDRESS_INVALID',
    `"${address}" is not an address of BuildKit`,
    'use unix:///run/buildkit/buildkitd.sock or tcp://HOST:PORT',
  )
}

/** @throws CiError `TLS_FILE` */
export function credentialsOf(tls: TlsFiles | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createSsl(pem(tls.caCert), pem(tls.key), pem(tls.cert))
}

function pem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const why = (error as Error).message
    throw new CiError('TLS_FILE', `cannot read ${path}: ${why}`, 'mount the Secret with the certificates there', {
      cause: error,
    })
  }
}
