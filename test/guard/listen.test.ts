import { guardPath, type Heartbeat } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { guard, startGuard } from '../support/guard.js'
import { claim } from '../support/held.js'
import { accepts, Client, freePort, get, hasIpv6, request, startListening } from '../support/http-raw.js'
import { besideHealthy, besideHealthyForAll, unfinished, unsentBytes } from '../support/listening.js'
import { poke } from '../support/poke.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { type Check, checks, Scene } from '../support/scene.js'
import { until, untilHolds } from '../support/until.js'

const paths: Record<Check, string> = { startup: '/startupz', liveness: '/livez', readiness: '/readyz' }

/** The lines are said at different moments. */
const withoutTimes = (text: string) => text.replace(/\b\d+(\.\d+)?(ns|µs|ms|s|m|h)(?![a-z])/g, '<time>')

/** A worker in the test process, ready, with beats. */
function beating({ region }: Scene, name: string, maxAge = '1h'): Heartbeat {
  const worker = claim(region, { name, maxAge })
  worker.ready()
  worker.beat()
  return worker
}

type Situation = [name: string, arrange: (scene: Scene) => unknown, statuses: string]

const situations: Situation[] = [
  ['no region', () => {}, '503 503 503'],
  ['a worker that is ready', (s) => beating(s, 'a'), '200 200 200'],
  ['a worker before its first beat', (s) => claim(s.region, { name: 'a', maxAge: '1h' }), '503 200 503'],
  ['a worker that is not ready', (s) => beating(s, 'a').notReady('draining'), '200 200 503'],
  ['a worker in a phase', (s) => beating(s, 'a').phase('load', { budget: '1h' }), '200 200 200'],
  ['a stalled worker', (s) => beating(s, 'a', '1ms'), '503 503 503'],
  ['a dead worker', (s) => s.dead('a'), '503 503 503'],
  ['a stopped worker', (s) => beating(s, 'a').stop(), '503 503 503'],
  ['one of two workers dead', (s) => Promise.all([beating(s, 'a'), s.dead('b')]), '503 503 503'],
  [
    'a broken region',
    (s) => {
      beating(s, 'a')
      poke(s.region, 'Header', 'magic', 0n)
    },
    '503 503 503',
  ],
]

const shared = besideHealthyForAll()

describe('a check by HTTP', () => {
  it.each(situations)('of %s is answered with the line of shm-probe', async (_, arrange, statuses) => {
    const scene = new Scene()
    await arrange(scene)
    const { port } = await startListening(['--region', scene.region])
    const ask = () => Promise.all(checks.map((check) => get(port, paths[check])))
    // A worker must have been silent for as long as the guard has looked.
    const answers = await untilHolds(
      `the statuses ${statuses}`,
      ask,
      (answers) => answers.map(({ status }) => status).join(' ') === statuses,
    )
    for (const [i, check] of checks.entries()) {
      const answer = answers[i] as (typeof answers)[number]
      const printed = await scene.probe('--verbose', check)
      expect(answer.status === 200).toBe(printed.code === 0)
      const [said, line] = [answer.body, `${printed.stdout.split('\n')[0]}\n`].map(withoutTimes) as [string, string]
      // What the process did at that moment is for the log, not for each answer.
      expect(said).toBe(line.replace(/, pid \d+ [A-Z] \(.*(?=\n)/, ''))
      expect(answer.headers).toEqual({
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        'content-length': String(answer.body.length),
        connection: 'keep-alive',
      })
    }
  })

  it.each([
    ['?format=json', '?format=json', []],
    ['?x=1&format=json&y', '?x=1&format=json&y', []],
    ['Accept: application/json', '', ['Accept: application/json']],
    ['an Accept of several types', '', ['accept: text/html;q=0.5, Application/JSON']],
  ])('is JSON by %s, with the words of shm-probe --json', async (_, query, fields) => {
    const scene = new Scene()
    beating(scene, 'a').notReady('a "quoted" reason')
    const { port } = await startListening(['--region', scene.region])
    for (const [check, status] of [
      ['liveness', 200],
      ['readiness', 503],
    ] as const) {
      const answer = await get(port, paths[check] + query, fields)
      expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } })
      const printed = JSON.parse((await scene.probe('--json', check)).stdout)
      const { verdict, healthy, exit, line } = printed
      expect(JSON.parse(answer.body)).toMatchObject({ verdict, healthy, exit, check, line })
    }
  })

  it('is text for a client that takes anything', async () => {
    const { port } = shared
    for (const fields of [['Accept: */*'], ['Accept: text/plain'], ['X-Accept: application/json'], []]) {
      const answer = await get(port, '/livez?format=text', fields)
      expect(answer).toMatchObject({ status: 200, body: 'healthy\n' })
    }
  })

  it('obeys the flags of the policy', async () => {
    const { port } = await besideHealthy(['--expect', 'somebody', '--startup-grace', '0'])
    expect(await get(port, '/livez')).toMatchObject({
      status: 503,
      body: expect.stringMatching(/^missing: .*somebody/),
    })
  })

  it('by HEAD has the head of GET and no body', async () => {
    const { port } = shared
    for (const target of ['/livez', '/readyz?format=json', '/nothing', '/metrics']) {
      const got = await get(port, target)
      const client = await Client.connect(port)
      client.send(request(target, [], 'HEAD') + request('/livez'))
      expect(await client.response({ toHead: true })).toEqual({ ...got, body: '' })
      expect(await client.response()).toMatchObject({ status: 200, body: 'healthy\n' })
    }
  })
})

describe('an address', () => {
  const answers = async (host: string, port: number) => {
    if (!(await accepts(port, host))) return 'nobody'
    const client = await Client.connect(port, host)
    client.send(request('/livez'))
    return (await client.response()).status
  }

  const answersThere = async (address: string): Promise<(number | string)[]> => {
    const { port } = await startListening(['--region', uniqueRegion(), '--startup-grace', '0'], { address })
    return [await answers('127.0.0.1', port), await answers('::1', port)]
  }

  it.each(['127.0.0.1', '0.0.0.0'])('"%s" is answered at by IPv4 only', async (address) => {
    expect(await answersThere(address)).toEqual([503, 'nobody'])
  })

  it.skipIf(!hasIpv6).each(['[::1]', '[0:0:0:0:0:0:0:1]'])('"%s" is answered at by IPv6 only', async (address) => {
    expect(await answersThere(address)).toEqual(['nobody', 503])
  })

  it.skipIf(!hasIpv6).each(['[::]', ''])('"%s" is answered at by both', async (address) => {
    expect(await answersThere(address)).toEqual([503, 503])
  })

  it.each([
    ['', 'is answered at by IPv4'],
    ['[::]', 'is answered at by IPv4'],
    ['[::1]', 'is an error'],
  ])('"%s" %s where the kernel has no IPv6', async (address, what) => {
    const fixture = new URL('../fixtures/without_ipv6.py', import.meta.url).pathname
    const port = await freePort()
    const flags = ['--region', uniqueRegion(), '--startup-grace', '0', '--listen', `${address}:${port}`]
    const program = Program.run(python[0], [...python.slice(1), fixture, guardPath(), ...flags])
    if (what === 'is an error') {
      expect(await program.ended).toEqual({ code: 3, signal: null })
      expect(program.stderr).toContain('listen')
    } else {
      await until('the guard listens', () => accepts(port))
      expect(await answers('127.0.0.1', port)).toBe(503)
    }
  })

  it('may come from the environment', async () => {
    const port = await freePort()
    startGuard([], { SHM_LIVENESS_LISTEN: `127.0.0.1:${port}` })
    await until('the guard listens', () => accepts(port))
  })

  it.each([
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:+80',
    '127.0.0.1:80 ',
    '127.0.0.1:http',
    '127.0.0:9808',
    '127.0.0.1.1:9808',
    '127.0.0.256:9808',
    '127..0.1:9808',
    'localhost:9808',
    '::1:9808',
    '[::1]9808',
    '[::1:9808',
    '[:::1]:9808',
    '[1::2::3]:9808',
    '[1:2:3:4:5:6:7]:9808',
    '[1:2:3:4:5:6:7:8:9]:9808',
    '[12345::]:9808',
    '[::g]:9808',
    '[]:9808',
    '*:9808',
    '',
  ])('"%s" is a usage error, and the command is not started', async (address) => {
    const ended = await guard(['--listen', address, '--', 'echo', 'started'])
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^shm-guard: --listen /)
  })

  it.each([false, true])(
    'that is taken is a clear line and exit 3, and no command (sidecar: %s)',
    async (isSidecar) => {
      const { port } = shared
      const region = uniqueRegion()
      const command = isSidecar ? [] : ['--progress', 'cpu', '--', 'echo', 'started']
      const ended = await guard(['--listen', `127.0.0.1:${port}`, '--region', region, ...command])
      expect(ended).toMatchObject({ code: 3, stdout: '' })
      expect(ended.stderr).toMatch(/^shm-guard: [^\n]*listen[^\n]*(in use|EADDRINUSE)[^\n]*\n$/)
      expect(await get(port, '/livez')).toMatchObject({ status: 200 })
      // A worker that never came is no reason for a probe to find one dead.
      expect((await probe(['--region', region, '--startup-grace', '8784h'])).code).toBe(0)
    },
  )

  it('that is not of this machine is a clear line and exit 3, and no command', async () => {
    for (const address of ['192.0.2.1', '[2001:db8::1]']) {
      const ended = await guard(['--listen', `${address}:${await freePort()}`, '--', 'echo', 'started'])
      expect(ended).toMatchObject({ code: 3, stdout: '' })
      expect(ended.stderr).toMatch(/^shm-guard: [^\n]*listen[^\n]*(no such address)[^\n]*\n$/)
    }
  })

  it('of a port that only root may take is a clear line and exit 3 for other users', async () => {
    // In a network of its own: a setting of this machine may let every user have the port.
    const wrapper = ['unshare', '--net', 'setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service']
    const ended = await guard(['--listen', '0.0.0.0:80', '--', 'echo', 'started'], { wrapper })
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toMatch(/^shm-guard: [^\n]*listen[^\n]*(denied|EACCES)[^\n]*\n$/i)
  })

  it('is free again at once for a successor, while old connections linger', async () => {
    const { guard: first, port } = await startListening([])
    for (let i = 0; i < 20; i++) await get(port, '/livez', ['Connection: close'])
    const lingering = await Client.connect(port)
    lingering.send(request('/livez'))
    await lingering.response()
    expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    const second = startGuard(['--listen', `127.0.0.1:${port}`])
    await until('the successor listens', () => accepts(port))
    expect(second.stderr).toBe('')
  })
})

describe('a listening guard', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('without a command ends with 0 on %s', async (signal) => {
    const { guard, port } = await startListening([])
    expect(await guard.kill(signal)).toEqual({ code: 0, signal: null })
    expect(await accepts(port)).toBe(false)
  })

  it('ends at once in spite of open connections of every kind', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 100; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 100 }).beat()
    const { guard, port } = await startListening(['--region', region])
    const idle = await Client.connect(port)
    idle.send(request('/livez'))
    await idle.response()
    await Client.connect(port)
    const begun = await unfinished(port, 10)
    const reader = await Client.connect(port)
    reader.stopReading()
    reader.send(request('/metrics').repeat(30))
    await until('the answer to the client that does not read is stuck', () => unsentBytes(port) > 0)
    expect(await guard.kill('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(await idle.rest()).toBe('')
    // A guard that waited for the end of these requests would have sent 408 first.
    expect(await Promise.all(begun.map((client) => client.rest()))).toEqual(Array(10).fill(''))
  })

  it('answers for its command until that ends, and ends as it did', async () => {
    const region = uniqueRegion()
    const { guard, port } = await startListening([
      ...['--region', region, '--progress', 'cpu', '--max-age', '1h'],
      ...['--', 'sh', '-c', 'read line; exit 7'],
    ])
    // Its claim is seen by the next look.
    const answer = await untilHolds(
      '/readyz is 200',
      () => get(port, '/readyz'),
      ({ status }) => status === 200,
    )
    expect(answer.body).toBe('healthy\n')
    guard.tell('end')
    expect(await guard.ended).toEqual({ code: 7, signal: null })
    expect(await accepts(port)).toBe(false)
  })

  it('passes the connection of a command that listens itself', async () => {
    const { guard, port } = await startListening([
      ...['--region', uniqueRegion(), '--', ...python, '-c'],
      'import socket; s = socket.create_server(("127.0.0.1", 0)); print("at", s.getsockname()[1], flush=True); s.accept()',
    ])
    const own = Number(await guard.said('at'))
    expect(own).not.toBe(port)
    expect(await accepts(own)).toBe(true)
    expect(await guard.ended).toEqual({ code: 0, signal: null })
  })
})
