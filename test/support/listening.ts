import { readdirSync } from 'node:fs'
import { claim } from './held.js'
import { Client, startListening } from './http-raw.js'
import { uniqueRegion } from './region.js'

/** A sidecar beside one worker that is healthy by every check. */
export async function besideHealthy(args: string[] = []): Promise<{ pid: number; port: number; region: string }> {
  const region = uniqueRegion()
  const worker = claim(region, { maxAge: '1h' })
  worker.ready()
  worker.beat()
  const { guard, port } = await startListening(['--region', region, ...args])
  return { pid: guard.pid, port, region }
}

export const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

/** Connections that have begun a request and do not end it. */
export async function unfinished(port: number, count: number): Promise<Client[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => Client.connect(port)))
  for (const client of clients) client.send('GET /livez HTTP/1.1\r\nHost: a\r\n')
  return clients
}

export async function timed<Answer>(answer: Promise<Answer>): Promise<{ answer: Answer; ms: number }> {
  const began = performance.now()
  return { answer: await answer, ms: performance.now() - began }
}
