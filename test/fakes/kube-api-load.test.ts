import { Agent, request } from 'node:https'
import { createSecureContext } from 'node:tls'
import { expect, it } from 'vitest'
import { boots, guardRuns } from './kube-api/index.js'
import { ending, jobOf, namespace, start, until, watch } from './support.js'

/** `npm run bench -- --only builds` follows 500. */
const builds = 40
const piece = `${'x'.repeat(99)}\n`.repeat(40)
const pieces = 4

it('many builds at once, each with a log of 16 KB that is followed, come to their end', async () => {
  const { api, config } = await start()
  const steps = [{ output: Array.from({ length: pieces }, () => piece), everyMs: 50 }]
  api.scenario(/^b-/, [boots({ pullMs: 50 }), guardRuns({ steps })])
  // One context for all, and a pool for the creates: client-node's own handshakes would be most of the load.
  const secureContext = createSecureContext({ ca: api.ca })
  const pool = new Agent({ keepAlive: true, maxSockets: 10, secureContext })
  const agent = new Agent({ secureContext })
  const ask = (method: string, path: string, through: Agent, body?: object) =>
    new Promise<{ status: number | undefined; bytes: number }>((resolve, reject) => {
      const headers = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' }
      const asked = request(`${api.url}${path}`, { method, agent: through, headers }, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.on('end', () => resolve({ status: response.statusCode, bytes }))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const { seen } = await watch(config, pods, { labelSelector: 'app=screwdriver' })
  const names = Array.from({ length: builds }, (_, index) => `b-${index}`)
  await Promise.all(names.map((name) => ask('POST', `/apis/batch/v1/namespaces/${namespace}/jobs`, pool, jobOf(name))))
  const inPhase = (phase: string) =>
    new Set(seen.filter(({ object }) => object.status?.phase === phase).map(({ name }) => name))
  await until('all have run', () => inPhase('Running').size === builds)
  const follow = (name: string) => ask('GET', `${pods}/${name}/log?container=build&follow=true&timestamps=true`, agent)
  for (const { status, bytes } of await ending(Promise.all([...inPhase('Running')].map(follow)))) {
    expect(status).toBe(200)
    expect(bytes).toBeGreaterThan(pieces * piece.length)
  }
  await until('all have succeeded', () => inPhase('Succeeded').size === builds)
  pool.destroy()
})
