import { Agent, get as httpGet } from 'node:http'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { Client, exchange, get, request, startListening } from '../support/http-raw.js'
import { besideHealthyForAll, descriptorsOf, unsentBytes } from '../support/listening.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const shared = besideHealthyForAll()

describe('a request', () => {
  const head = 'GET /livez HTTP/1.1\r\nHost: a\r\n'
  it.each([
    ['with nothing but a Host', `${head}\r\n`],
    ['of HTTP/1.0', 'GET /livez HTTP/1.0\r\n\r\n'],
    ['of a later HTTP/1', 'GET /livez HTTP/1.2\r\nHost: a\r\n\r\n'],
    ['in absolute form, as a proxy sends it', 'GET http://127.0.0.1/livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with lines that end in a bare LF', 'GET /livez HTTP/1.1\nHost: a\n\n'],
    ['with both kinds of line ends', 'GET /livez HTTP/1.1\r\nHost: a\n\r\n'],
    ['with both kinds of line ends, the other way about', 'GET /livez HTTP/1.1\nHost: a\r\n\n'],
    ['after empty lines', `\r\n\r\n${head}\r\n`],
    ['with a query', 'GET /livez?verbose&x=/readyz HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with an empty query', 'GET /livez? HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with names in odd case', 'GET /livez HTTP/1.1\r\nhOsT: a\r\ncOnTeNt-LeNgTh: 0\r\n\r\n'],
    ['with no space after a colon', 'GET /livez HTTP/1.1\r\nHost:a\r\n\r\n'],
    ['with much space around a value', 'GET /livez HTTP/1.1\r\nHost: \t a \t \r\n\r\n'],
    ['with an empty value', `${head}X-Empty:\r\n\r\n`],
    ['with bytes beyond ASCII in a value', `${head}X-Name: \xe4\xf6\xfc\r\n\r\n`],
    ['with two equal lengths of no body', `${head}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
    ['of exactly 4096 bytes', `${head}X: ${'x'.repeat(4096 - head.length - 7)}\r\n\r\n`],
    ['of many fields', `${head}${'a: b\r\n'.repeat(500)}\r\n`],
  ])('%s is answered', async (_, bytes) => {
    const { port } = shared
    expect(await exchange(port, bytes)).toMatchObject({ status: 200, body: 'healthy\n' })
  })

  it.each([
    ['without a version', 'GET /livez\r\n\r\n'],
    ['of one word', 'GET\r\n\r\n'],
    ['of HTTP/0.9 with a version', 'GET /livez HTTP/0.9\r\n\r\n'],
    ['of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['with its version in lower case', 'GET /livez http/1.1\r\nHost: a\r\n\r\n'],
    ['with a fourth word', 'GET /livez HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with two spaces', 'GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with a tab for a space', 'GET\t/livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['that begins with a space', ' GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with a NUL in its target', 'GET /livez\0 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with an escape sequence in its method', '\x1b[31mGET /livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['in authority form', 'CONNECT example.org:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['in asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with a relative target', 'GET livez HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with a field without a colon', 'GET /livez HTTP/1.1\r\nHost\r\n\r\n'],
    ['with a field without a name', 'GET /livez HTTP/1.1\r\n: a\r\n\r\n'],
    ['with a space before a colon', 'GET /livez HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['with a tab before a colon', 'GET /livez HTTP/1.1\r\nContent-Length\t: 5\r\n\r\nhello'],
    ['with a folded line', 'GET /livez HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
    ['with a first field that is folded', 'GET /livez HTTP/1.1\r\n Content-Length: 5\r\n\r\nhello'],
    ['with a NUL in a value', 'GET /livez HTTP/1.1\r\nHost: a\0b\r\n\r\n'],
    ['with a bare CR in a value', 'GET /livez HTTP/1.1\r\nX: a\rContent-Length: 5\r\n\r\nhello'],
    ['with a length that is no number', 'GET /livez HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello'],
    ['with a length below zero', 'GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n'],
    ['with a length that has a plus', 'GET /livez HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello'],
    ['with an empty length', 'GET /livez HTTP/1.1\r\nContent-Length:\r\n\r\n'],
    ['with a length beyond 64 bits', `GET /livez HTTP/1.1\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\n`],
    ['with two lengths in one field', 'GET /livez HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\nhello'],
    ['with two different lengths', 'GET /livez HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    ['of a TLS client that ends a line', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n\n'],
  ])('%s is refused with 400, and the connection is closed', async (_, bytes) => {
    const { port } = shared
    const client = await Client.connect(port)
    client.send(bytes + request('/readyz'))
    const answer = await client.response()
    expect(answer).toMatchObject({
      status: 400,
      headers: { connection: 'close' },
      body: expect.stringMatching(/^.+\n$/),
    })
    // A request that was not understood says nothing about where the next one begins.
    expect(await client.rest()).toBe('')
  })

  it('that comes byte by byte is answered once, when it is whole', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    for (const byte of request('/livez').slice(0, -1)) {
      client.send(byte)
      await new Promise(setImmediate)
    }
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
    expect(client.received).toBe('')
    client.send('\n')
    expect(await client.response()).toMatchObject({ status: 200, body: 'healthy\n' })
    client.finish()
    expect(await client.rest()).toBe('')
  })

  it.each([
    '/',
    '/livez/',
    '/livezz',
    '/live',
    '//livez',
    '/LIVEZ',
    '/%6civez',
    '/metrics/',
    '/x/../livez',
    `/${'x'.repeat(3000)}`,
  ])('for %s is refused with 404, and the connection stays', async (target) => {
    const { port } = shared
    const client = await Client.connect(port)
    client.send(request(target) + request('/livez'))
    expect(await client.response()).toMatchObject({ status: 404, body: expect.stringContaining('/livez') })
    expect(await client.response()).toMatchObject({ status: 200 })
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'get', 'GETS', 'HEA'])(
    'by %s is refused with 405, which names the methods there are',
    async (method) => {
      const { port } = shared
      for (const target of ['/livez', '/metrics']) {
        const answer = await exchange(port, request(target, [], method))
        expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
      }
    },
  )

  it('with a head beyond 4096 bytes is refused with 431, wherever it is too long', async () => {
    const { port } = shared
    const long = 'x'.repeat(4096)
    for (const bytes of [
      request('/livez', [`X: ${long}`]),
      request(`/${long}`),
      request('/livez', [`${long}: x`]),
      `${long}${long}`,
      request('/livez', Array(1000).fill('a: b')),
      '\r\n'.repeat(4096),
    ]) {
      const client = await Client.connect(port)
      client.send(bytes)
      expect(await client.response()).toMatchObject({ status: 431, headers: { connection: 'close' } })
      expect(await client.rest()).toBe('')
    }
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  })
})

describe('a connection', () => {
  it('serves one request after the other, until one says close', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    for (let i = 0; i < 100; i++) {
      client.send(request('/livez'))
      expect(await client.response()).toMatchObject({ status: 200, headers: { connection: 'keep-alive' } })
    }
    client.send(request('/livez', ['cOnNeCtIoN: Close']))
    expect(await client.response()).toMatchObject({ status: 200, headers: { connection: 'close' } })
    expect(await client.rest()).toBe('')
  })

  it('of a later minor version is one of HTTP/1.1', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    for (let i = 0; i < 2; i++) {
      client.send(request('/metrics', [], 'GET', 'HTTP/1.2'))
      expect(await client.response()).toMatchObject({
        version: 'HTTP/1.1',
        status: 200,
        headers: { connection: 'keep-alive', 'transfer-encoding': 'chunked' },
      })
    }
  })

  it('of HTTP/1.0 is closed after the answer, unless it asks to be kept', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    client.send(request('/livez', ['Connection: keep-alive'], 'GET', 'HTTP/1.0'))
    const kept = { version: 'HTTP/1.0', status: 200, headers: { connection: 'keep-alive' } }
    expect(await client.response()).toMatchObject(kept)
    client.send(request('/livez', [], 'GET', 'HTTP/1.0'))
    expect(await client.response()).toMatchObject({ ...kept, headers: { connection: 'close' } })
    expect(await client.rest()).toBe('')
  })

  it('gives /metrics to HTTP/1.0 without chunks, up to the end of the connection', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    client.send(request('/metrics', ['Connection: keep-alive'], 'GET', 'HTTP/1.0'))
    const answer = await client.response()
    expect(answer.headers).not.toHaveProperty('transfer-encoding')
    expect(answer.headers['connection']).toBe('close')
    expect(answer.body).toMatch(/^# HELP [\s\S]*\nshm_liveness_guard_http_requests_total \d+\n$/)
  })

  it('answers pipelined requests in their order', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    const targets = Array.from(
      { length: 60 },
      (_, i) => ['/livez', '/nothing', '/readyz?format=json', '/metrics'][i % 4],
    )
    client.send(targets.map((target) => request(target as string)).join(''))
    for (const target of targets) {
      const answer = await client.response()
      expect(answer.status).toBe(target === '/nothing' ? 404 : 200)
      expect(answer.headers['content-type']).toMatch(
        target === '/metrics' ? 'version=0.0.4' : target === '/readyz?format=json' ? 'application/json' : 'text/plain',
      )
    }
  })

  it('answers pipelined requests also when the client reads late', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 200; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 200 }).beat()
    const { port } = await startListening(['--region', region])
    const client = await Client.connect(port)
    client.stopReading()
    client.send(request('/metrics').repeat(8) + request('/livez'))
    await until('the answers are stuck', () => unsentBytes(port) > 0)
    client.goOnReading()
    for (let i = 0; i < 8; i++) expect((await client.response()).headers['content-type']).toMatch('version=0.0.4')
    expect(await client.response()).toMatchObject({ status: 200, body: 'healthy\n' })
  })

  it('whose client sends no more still gets its answers', async () => {
    const { port } = shared
    const client = await Client.connect(port)
    client.send(request('/livez') + request('/readyz') + request('/metrics'))
    client.finish()
    for (let i = 0; i < 3; i++) expect(await client.response()).toMatchObject({ status: 200 })
    expect(await client.rest()).toBe('')
  })

  it('without a whole request ends without an answer when the client does', async () => {
    const { port } = shared
    for (const bytes of ['', '\r\n', 'GET /livez HTTP/1.1\r\nHost: a\r\n']) {
      const client = await Client.connect(port)
      client.send(bytes)
      client.finish()
      expect(await client.rest()).toBe('')
    }
  })

  it.each([
    ['a body of a length', ['Content-Length: 5'], 'hello'],
    ['a chunked body', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
    ['a body that is a request', [`Content-Length: ${request('/readyz').length}`], request('/readyz')],
    ['a chunked body that is a request', ['Transfer-Encoding: chunked'], `0\r\n\r\n${request('/readyz')}`],
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${request('/readyz')}`],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], request('/readyz')],
    ['a body that never comes', ['Content-Length: 100'], ''],
    ['a body larger than any buffer', ['Content-Length: 1000000'], 'x'.repeat(1_000_000)],
    ['a body to be waited for', ['Expect: 100-continue', 'Content-Length: 5'], ''],
  ])('with %s is answered once and closed, and the body is no request', async (_, fields, body) => {
    const { port } = shared
    for (const [method, status] of [
      ['GET', 200],
      ['POST', 405],
    ] as const) {
      const client = await Client.connect(port)
      client.send(request('/livez', fields, method) + body)
      expect(await client.response()).toMatchObject({ status, headers: { connection: 'close' } })
      expect(await client.rest()).toBe('')
      client.close()
    }
  })

  it('of a client like the kubelet is served, each probe on its own', async () => {
    const { pid, port } = shared
    const agent = new Agent({ keepAlive: false })
    const headers = { 'User-Agent': 'kube-probe/1.36', Accept: '*/*', Connection: 'close' }
    const once = () =>
      new Promise((resolve, reject) => {
        httpGet({ host: '127.0.0.1', port, path: '/livez', agent, headers }, (response) => {
          let body = ''
          response.on('data', (data) => (body += data))
          response.on('end', () => resolve([response.statusCode, response.headers.connection, body]))
        }).on('error', reject)
      })
    for (let i = 0; i < 100; i++) expect(await once()).toEqual([200, 'close', 'healthy\n'])
    expect(descriptorsOf(pid)).toBeLessThan(30)
  })

  it('is never inherited by the command', async () => {
    const { guard } = await startListening(['--', 'sh', '-c', 'ls -l /proc/self/fd; echo done; exec sleep 60'])
    const lines = await untilHolds(
      'the list of descriptors is whole',
      () => guard.lines.join('\n'),
      (lines) => lines.endsWith('done'),
    )
    expect(lines).toMatch(/ 1 -> .*\n(.*\n)*done$/)
    expect(lines).not.toMatch(/\[(eventpoll|timerfd|signalfd)\]| (?!0|1|2)\d+ -> socket/)
  })
})
