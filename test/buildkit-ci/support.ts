import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildkitConnection } from '../../examples/buildkit-ci/buildkit-api/connection.js'
import { FakeBuildkit } from '../fakes/buildkit/index.js'
import { afterTests } from '../support/after-tests.js'

const closing: (() => unknown)[] = []
afterTests(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A path for a socket; removed after the test. */
export function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bk-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'buildkitd.sock')
}

/** A fake daemon at a socket, in this process; stopped after the test. */
export async function startFake(socket = socketPath()): Promise<{ fake: FakeBuildkit; socket: string }> {
  const fake = await FakeBuildkit.start({ address: `unix:${socket}` })
  closing.push(() => fake.kill())
  return { fake, socket }
}

export function connectTo(socket: string): BuildkitConnection {
  const connection = new BuildkitConnection({ address: `unix://${socket}` })
  closing.push(() => connection[Symbol.dispose]())
  return connection
}

/** Passes connections on to a daemon, and counts them. */
export async function countingProxy(socket: string): Promise<{ socket: string; accepted: () => number }> {
  let accepted = 0
  const front = socketPath()
  const server = await listenAt(front, (client) => {
    accepted++
    const behind = connect(socket)
    client.pipe(behind).pipe(client)
    for (const end of [client, behind]) end.on('error', () => {})
    closing.push(() => [client, behind].map((end) => end.destroy()))
  })
  closing.push(() => server.close())
  return { socket: front, accepted: () => accepted }
}

/** Accepts connections and says nothing, as a daemon that was stopped before the watcher came. */
export async function silentServer(): Promise<string> {
  const socket = socketPath()
  const server = await listenAt(socket, (client) => {
    client.on('error', () => {})
    closing.push(() => client.destroy())
  })
  closing.push(() => server.close())
  return socket
}

async function listenAt(socket: string, onClient: (client: import('node:net').Socket) => void): Promise<Server> {
  const server = createServer(onClient)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return server
}
