import type { Command } from 'commander'
import type { TlsFiles } from '../buildkit-api/address.js'
import type { ConnectionOptions } from '../buildkit-api/connection.js'
import { CiError } from '../model/ci-error.js'

/** Named as those of buildctl. */
export interface TlsFlags {
  tlscacert?: string
  tlscert?: string
  tlskey?: string
  tlsservername?: string
}

/** Where the daemon is. */
export interface DaemonFlags extends TlsFlags {
  addr: string
}

export function withDaemonFlags(command: Command): Command {
  const address = 'unix:///PATH or tcp://HOST:PORT'
  return withTlsFlags(command.option('--addr <address>', address, 'unix:///run/buildkit/buildkitd.sock'))
}

export function withTlsFlags(command: Command): Command {
  return command
    .option('--tlscacert <file>', "the CA of the daemon's certificate")
    .option('--tlscert <file>', 'the certificate to present')
    .option('--tlskey <file>', 'its key')
    .option('--tlsservername <name>', "the name in the daemon's certificate, if it is not that of the address")
}

/** @throws CiError `USAGE` */
export function connectionOf(flags: DaemonFlags): ConnectionOptions {
  return { address: flags.addr, tls: tlsOf(flags) }
}

/** undefined: no TLS. @throws CiError `USAGE` */
export function tlsOf({ tlscacert, tlscert, tlskey, tlsservername }: TlsFlags): TlsFiles | undefined {
  const given = [tlscacert, tlscert, tlskey, tlsservername].filter((flag) => flag !== undefined)
  if (given.length === 0) return undefined
  if (tlscacert === undefined || tlscert === undefined || tlskey === undefined) {
    throw new CiError(
      'USAGE',
      'TLS needs all of --tlscacert, --tlscert and --tlskey',
      'give the three files, or leave out all flags of TLS',
    )
  }
  return { caCert: tlscacert, cert: tlscert, key: tlskey, serverName: tlsservername }
}
