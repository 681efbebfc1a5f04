/** HTTP as bytes on a connection: for what a well-behaved client library would never send, and would not notice. */
import { EventEmitter, once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterTests } from './after-tests.js'
import { startGuard } from './guard.js'
import type { Program } from './program.js'
import { until } from './until.js'

/** As in until.ts. */
const limitMs = 60_000

export interface Response {
  version: string
  status: number
  /** By name in lower case. */
  headers: Record<string, string>
  body: string
}

const open = new Set<Client>()

/** One connection, and what came on it and was not taken yet. Closed after the test. */
export class Client {
  /** The other side has ended it, or reset it. */
  isEnded = false
  readonly #socket: Socket
  readonly #news = new EventEmitter()
  #received = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    open.add(this)
    socket.setNoDelay(true)
    socket.on('data', (data) => {
      this.#received += data.toString('latin1')
      this.#news.emit('news')
    })
    socket.on('error', () => {}) // a reset is an end like another
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.isEnded = true
        this.#news.emit('news')
      })
    }
  }

  /** @param localAddress which address of this machine it comes from */
  static async connect(port: number, host = '127.0.0.1', localAddress?: string): Promise<Client> {
    const socket = connect({ port, host, allowHalfOpen: true, ...(localAddress !== undefined && { localAddress }) })
    await once(socket, 'connect')
    return new Client(socket)
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The end of what this side sends; it still listens. */
  finish(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
    open.delete(this)
  }

  close(): void {
    this.#socket.destroy()
    open.delete(this)
  }

  /** Drops what came so far. */
  forget(): this {
    this.#received = ''
    return this
  }

  /** Reads nothing more, so that the kernel's buffers fill. */
  stopReading(): void {
    this.#socket.pause()
  }

  goOnReading(): void {
    this.#socket.resume()
  }

  /** What came and was not taken yet. */
  get received(): string {
    return this.#received
  }

  /** The next response, to its end. @param toHead one to a HEAD request has no body, whatever its head says */
  async response({ toHead = false } = {}): Promise<Response> {
    const taken = await this.#awaited('a response', () => {
      const taken = takeResponse(this.#received, toHead, this.isEnded)
      if (taken === undefined && this.isEnded) {
        throw new Error(`The connection ended without a response: ${JSON.stringify(this.#received)}`)
      }
      return taken
    })
    this.#received = taken.rest
    return taken.response
  }

  /** Everything up to the end of the connection. */
  rest(): Promise<string> {
    return this.#awaited('the end of the connection', () => (this.isEnded ? this.#received : undefined))
  }

  /** Looks after each event of the socket, not every few milliseconds: there are thousands of requests. */
  async #awaited<Found>(what: string, look: () => Found | undefined): Promise<Found> {
    const limit = AbortSignal.timeout(limitMs)
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await once(this.#news, 'news', { signal: limit }).catch(() => {
        const received = JSON.stringify(this.#received.slice(0, 2_000))
        throw new Error(`Not within ${limitMs / 1000} s: ${what}. Received: ${received}`)
      })
      // A long response comes in hundreds of pieces, and each look begins at its beginning.
      if (this.#received.length > 100_000) await sleep(5)
    }
  }
}

afterTests(() => {
  for (const client of open) client.close()
})

/** Strict where RFC 9112 is: a status line, CRLF after each line, framing as the head says. */
function takeResponse(
  text: string,
  toHead: boolean,
  isEnded: boolean,
): { response: Response; rest: string } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const start = /^(HTTP\/1\.[01]) (\d{3}) [A-Z][A-Za-z ]*$/.exec(first)
  if (start === null) throw new Error(`no status line: ${JSON.stringify(first)}`)
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const field = /^([A-Za-z-]+): ([\x20-\x7e]+)$/.exec(line)
    const name = field?.[1]?.toLowerCase()
    if (name === undefined || name in headers) throw new Error(`no field, or a second one: ${JSON.stringify(line)}`)
    headers[name] = field?.[2] as string
  }
  const after = text.slice(end + 4)
  const respond = (body: string, rest: string) => ({
    response: { version: start[1] as string, status: Number(start[2]), headers, body },
    rest,
  })
  if (toHead) return respond('', after)
  if (headers['transfer-encoding'] === 'chunked') {
    const taken = takeChunks(after)
    return taken && respond(taken.body, taken.rest)
  }
  const length = headers['content-length']
  if (length === undefined) return isEnded ? respond(after, '') : undefined
  return after.length < Number(length)
    ? undefined
    : respond(after.slice(0, Number(length)), after.slice(Number(length)))
}

function takeChunks(text: string): { body: string; rest: string } | undefined {
  const pieces: string[] = []
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = text.slice(at, end)
    if (!/^[0-9a-f]+$/.test(size)) throw new Error(`no size of a chunk: ${JSON.stringify(size)}`)
    const next = end + 2 + Number.parseInt(size, 16)
    if (text.length < next + 2) return undefined
    if (text.slice(next, next + 2) !== '\r\n') throw new Error(`no end of a chunk: ${text.slice(next, next + 20)}`)
    pieces.push(text.slice(end + 2, next))
    at = next + 2
    if (Number.parseInt(size, 16) === 0) return { body: pieces.join(''), rest: text.slice(at) }
  }
}

/** The one response to these bytes, on a connection of its own. */
export async function exchange(port: number, bytes: string, toHead = false): Promise<Response> {
  const client = await Client.connect(port)
  client.send(bytes)
  const response = await client.response({ toHead })
  client.close()
  return response
}

/** A request as the kubelet words it. */
export function request(target: string, fields: string[] = [], method = 'GET', version = 'HTTP/1.1'): string {
  return [`${method} ${target} ${version}`, 'Host: 127.0.0.1', ...fields, '', ''].join('\r\n')
}

export function get(port: number, target: string, fields: string[] = []): Promise<Response> {
  return exchange(port, request(target, fields))
}

/** A port at which no process listened a moment ago. */
export async function freePort(host = '::'): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** A guard that listens already, a sidecar unless `args` name a command. */
export async function startListening(
  args: string[],
  { address = '127.0.0.1', env = {} as Record<string, string> } = {},
): Promise<{ guard: Program; port: number }> {
  const port = await freePort()
  const guard = startGuard(['--listen', `${address}:${port}`, ...args], env)
  let hasEnded = false
  guard.ended.then(() => (hasEnded = true))
  const host = address.startsWith('[') ? '::1' : '127.0.0.1'
  await until('the guard listens', () => {
    if (hasEnded) throw new Error(`The guard ended: ${guard.stderr}`)
    return accepts(port, host)
  })
  return { guard, port }
}

/** Whether a process takes connections there. */
export async function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    ;(await Client.connect(port, host)).close()
    return true
  } catch {
    return false
  }
}

/** Not every sandbox has it; tests of it are skipped there, and that is said. */
export const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)
if (!hasIpv6) console.error('\nSKIPPED the tests of IPv6: this machine has no ::1\n')
