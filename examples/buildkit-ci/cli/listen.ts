import { once } from 'node:events'
import type { Server } from 'node:http'
import { InvalidArgumentError } from 'commander'

export interface ListenPlace {
  host: string
  port: number
}

/** `0.0.0.0:9809`, `[::]:9809`, `:9809`. */
export function listenPlaceOf(text: string): ListenPlace {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:]+)\]|([0-9A-Za-z.-]*)):(\d{1,5})$/.exec(text) ?? []
  const number = Number(port)
  if (port === undefined || number < 1 || number > 65_535) {
    throw new InvalidArgumentError('Write an address with a port, for example 0.0.0.0:9809 or [::]:9809.')
  }
  return { host: bracketed ?? (plain || '::'), port: number }
}

/** The server listens until it is disposed of; without a place it does not. */
export async function listening(server: Server, place: ListenPlace | undefined): Promise<AsyncDisposable> {
  if (place !== undefined) {
    server.listen(place.port, place.host)
    await once(server, 'listening')
  }
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
