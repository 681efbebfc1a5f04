import { PassThrough } from 'node:stream'
import { Log } from '@kubernetes/client-node'
import { expect, it } from 'vitest'
import { boots, guardRuns } from './kube-api/index.js'
import { create, namespace, start, until, watch } from './support.js'

const builds = 500
const piece = `${'x'.repeat(99)}\n`.repeat(40)
const pieces = 4

it('500 builds at once, each with a log of 16 KB that is followed, are no burden', async () => {
  const client = await start()
  const steps = [{ output: Array.from({ length: pieces }, () => piece), everyMs: 50 }]
  client.api.scenario(/^b-/, [boots({ pullMs: 50 }), guardRuns({ steps })])
  const { seen } = await watch(client.config, `/api/v1/namespaces/${namespace}/pods`, {
    labelSelector: 'app=screwdriver',
  })
  let bytes = 0
  const follow = async (name: string) => {
    await create(client, name)
    const running = () => client.api.podsOf(name).find((each) => each.status.phase !== 'Pending')
    const pod = await until(`${name} runs`, running, 60_000)
    const stream = new PassThrough()
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
    const ended = new Promise((resolve) => stream.once('end', resolve))
    await new Log(client.config).log(namespace, pod.metadata.name, 'build', stream, { follow: true, timestamps: true })
    await ended
  }
  await Promise.all(Array.from({ length: builds }, (_, index) => follow(`b-${index}`)))
  expect(bytes).toBeGreaterThan(builds * pieces * piece.length)
  const succeeded = new Set(seen.filter(({ object }) => object.status?.phase === 'Succeeded').map(({ name }) => name))
  expect(succeeded.size).toBe(builds)
}, 90_000)
