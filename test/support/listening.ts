import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { guardPath, Heartbeat } from 'shm-liveness'
import { afterAll, beforeAll } from 'vitest'
import { claim } from './held.js'
import { accepts, Client, freePort, startListening } from './http-raw.js'
import { pathOf, uniqueRegion } from './region.js'
import { until } from './until.js'

/** A sidecar beside one worker that is healthy by every check. */
export async function besideHealthy(args: string[] = []): Promise<{ pid: number; port: number; region: string }> {
  const region = uniqueRegion()
  const worker = claim(region, { maxAge: '1h' })
  worker.ready()
  worker.beat()
  const { guard, port } = await startListening(['--region', region, ...args])
  return { pid: guard.pid, port, region }
}

/** As {@link besideHealthy}, once for all tests of a file. Its fields are set when the first test begins. */
export function besideHealthyForAll(): { pid: number; port: number } {
  const shared = { pid: 0, port: 0 }
  const region = `test-${process.pid}-shared`
  let clean = () => {}
  beforeAll(async () => {
    const worker = Heartbeat.claim({ region, name: 'grabber', maxAge: '1h' })
    worker.ready()
    worker.beat()
    shared.port = await freePort()
    const guard = spawn(guardPath(), ['--listen', `127.0.0.1:${shared.port}`, '--region', region], { stdio: 'ignore' })
    shared.pid = guard.pid as number
    clean = () => {
      guard.kill('SIGKILL')
      worker.stop()
      rmSync(pathOf(region), { force: true })
    }
    await until('the guard listens', () => accepts(shared.port))
  })
  afterAll(() => clean())
  return shared
}

export const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

/** How many clients the guard has accepted: its sockets without the one that listens. */
export function connectionsOf(pid: number): number {
  const isSocket = (fd: string) => {
    try {
      // Node.js gives its children sockets as standard streams.
      return Number(fd) > 2 && readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')
    } catch {
      return false // closed since it was listed
    }
  }
  return readdirSync(`/proc/${pid}/fd`).filter(isSocket).length - 1
}

/** Of all connections of the server at an IPv4 port: bytes that clients have no room for, and bytes it did not read. */
function queuedAt(port: number): { unsent: number; unread: number } {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const established = '01'
  const queued = { unsent: 0, unread: 0 }
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, local = '', , state, queues = ''] = line.trim().split(/\s+/)
    if (!local.endsWith(`:${hex}`) || state !== established) continue
    const [unsent, unread] = queues.split(':').map((count) => Number.parseInt(count, 16)) as [number, number]
    queued.unsent += unsent
    queued.unread += unread
  }
  return queued
}

/** Bytes that the server at an IPv4 port has sent and that its clients have no room for. */
export const unsentBytes = (port: number) => queuedAt(port).unsent

const beginning = 'GET /livez HTTP/1.1\r\nHost: a\r\n'

/** Connections that begin a request and do not end it. */
export async function begin(port: number, count: number): Promise<Client[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => Client.connect(port)))
  for (const client of clients) client.send(beginning)
  return clients
}

/** As {@link begin}, of which the server knows: before that, the connections look idle. 64 at most. */
export async function unfinished(port: number, count: number): Promise<Client[]> {
  const clients = await begin(port, count)
  await until('the server has read all requests', () => queuedAt(port).unread === 0)
  return clients
}
