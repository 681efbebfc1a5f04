import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { targetOf } from '../../../examples/buildkit-ci/buildkit-api/address.js'
import type { StatusResponse } from '../../../examples/buildkit-ci/buildkit-api/messages.js'
import { until } from '../../support/until.js'
import { connectTo, countingProxy, silentServer, socketPath, startFake } from '../support.js'

const longMs = 60_000

describe('a connection to buildkitd', () => {
  it('is one, however often it is asked and however many builds are followed', async () => {
    const { fake, socket } = await startFake()
    const proxy = await countingProxy(socket)
    const connection = connectTo(proxy.socket)
    const seen: string[] = []
    for (const ref of ['a', 'b']) fake.build(ref).begin(`[${ref} 1/1] RUN make`)
    for (let turn = 0; turn < 5; turn++) {
      expect(await connection.ask(longMs)).toEqual({ kind: 'answered', activeRefs: ['a', 'b'] })
    }
    for (const ref of ['a', 'b']) {
      connection.follow(
        ref,
        ({ vertexes }) => seen.push(...vertexes.map(({ name }) => name)),
        () => {},
      )
    }
    await until('both builds are followed', () => seen.length === 2)
    expect(proxy.accepted()).toBe(1)
  })

  it('tells a build from its beginning, whenever it is asked, and its end', async () => {
    const { fake, socket } = await startFake()
    const build = fake.build('a')
    build.begin('[build 1/2] COPY . .')
    build.output('[build 1/2] COPY . .', 'hello\n')
    build.part('[build 1/2] COPY . .', 'layer', 12)
    const seen: StatusResponse[] = []
    let hasEnded = false
    connectTo(socket).follow(
      'a',
      (progress) => seen.push(progress),
      () => (hasEnded = true),
    )
    await until('the part', () => seen.some(({ statuses }) => statuses.length > 0))
    expect(seen[0]?.vertexes[0]).toMatchObject({ name: '[build 1/2] COPY . .', completed: null, cached: false })
    expect(seen[0]?.vertexes[0]?.started?.seconds).toBeGreaterThan(1_700_000_000)
    expect(Buffer.from(seen[1]?.logs[0]?.msg ?? []).toString()).toBe('hello\n')
    expect(seen[2]?.statuses[0]).toMatchObject({ ID: 'layer', current: 12, total: 100 })
    fake.end('a')
    await until('the end', () => hasEnded)
  })

  it('says that no daemon is there, and goes on by itself once one is', async () => {
    const socket = socketPath()
    const connection = connectTo(socket)
    expect(await connection.ask(longMs)).toMatchObject({ kind: 'absent', why: expect.stringContaining('ENOENT') })
    const { fake } = await startFake(socket)
    await until('an answer', async () => (await connection.ask(longMs)).kind === 'answered')
    fake.kill()
    await until('its end is seen', async () => (await connection.ask(longMs)).kind === 'absent')
  })

  it('names the question that is not answered', async () => {
    const { fake, socket } = await startFake()
    const connection = connectTo(socket)
    fake.hang('history')
    expect(await connection.ask(100)).toEqual({ kind: 'unanswered', question: 'ListenBuildHistory' })
    fake.hang('all')
    const asked = connection.ask(100)
    expect(connection.waitsFor).toBe('health')
    expect(await asked).toEqual({ kind: 'unanswered', question: 'health' })
    expect(connection.waitsFor).toBeUndefined()
  })

  it('tells a daemon that accepts and says nothing from one that is absent', async () => {
    const connection = connectTo(await silentServer())
    expect(await connection.ask(100)).toEqual({ kind: 'unanswered', question: 'health' })
  })

  it('takes NOT_SERVING for a refusal', async () => {
    const { fake, socket } = await startFake()
    fake.serve(false)
    expect(await connectTo(socket).ask(longMs)).toMatchObject({ kind: 'refuses' })
  })

  it.each([status.RESOURCE_EXHAUSTED, status.UNIMPLEMENTED, status.UNAVAILABLE, status.INTERNAL])(
    'takes an error of the list of builds (%d) for a sign of life, and knows no builds then',
    async (code) => {
      const { fake, socket } = await startFake()
      fake.build('a')
      fake.refuseHistory(code)
      expect(await connectTo(socket).ask(longMs)).toEqual({
        kind: 'answered',
        activeRefs: undefined,
        why: 'ListenBuildHistory: no list',
      })
    },
  )

  it('lets the daemon stop while it is watched: it keeps no call open', async () => {
    const { fake, socket } = await startFake()
    const connection = connectTo(socket)
    await connection.ask(longMs)
    await fake.stopGracefully()
    await until('its end is seen', async () => (await connection.ask(longMs)).kind === 'absent')
  })
})

describe('an address', () => {
  it.each([
    ['unix:///run/buildkit/buildkitd.sock', 'unix:/run/buildkit/buildkitd.sock'],
    ['tcp://buildkitd-0.buildkitd:1234', 'dns:buildkitd-0.buildkitd:1234'],
  ])('%s is read as those of buildctl', (address, target) => {
    expect(targetOf(address)).toBe(target)
  })

  it.each(['', '/run/buildkitd.sock', 'unix://run', 'tcp://host', 'tcp://host:port', 'http://host:1'])(
    '"%s" is refused with what to write',
    (address) => {
      expect(() => targetOf(address)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
    },
  )
})
