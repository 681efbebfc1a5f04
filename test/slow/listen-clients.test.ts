import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { Client, get, request, startListening } from '../support/http-raw.js'
import { begin, besideHealthy, connectionsOf, unfinished, unsentBytes } from '../support/listening.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

// The server's own limit is five seconds. The tests that wait for it do so side by side.
describe.concurrent('a client out of time', () => {
  it('is sent 408 and cut off after five seconds, and a drip of bytes does not help it', async () => {
    const { pid, port } = await besideHealthy()
    const [silent, dripping, second, refused] = (await Promise.all(
      Array.from({ length: 4 }, () => Client.connect(port)),
    )) as [Client, Client, Client, Client]
    const began = performance.now()
    silent.send('GET /livez HT')
    dripping.send('GET /livez HTTP/1.1\r\n')
    second.send(`${request('/livez')}GET`)
    expect(await second.response()).toMatchObject({ status: 200 })
    refused.send('\0\r\n\r\n')
    expect(await refused.response()).toMatchObject({ status: 400 })
    const drip = setInterval(() => {
      dripping.send('x')
      refused.send('x')
    }, 200)
    try {
      for (const client of [silent, dripping, second]) {
        expect(await client.response()).toMatchObject({ status: 408, headers: { connection: 'close' } })
        expect(await client.rest()).toBe('')
      }
      expect(performance.now() - began).toBeGreaterThan(4_500)
      for (const client of [silent, dripping, second]) client.close()
      // The refused client has had its answer, and has not hung up in the five seconds since.
      await until('no connection is left', () => connectionsOf(pid) === 0)
    } finally {
      clearInterval(drip)
    }
  })

  it('that never reads a large answer is cut off, and delays no other client meanwhile', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 100; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 100 }).beat()
    const { guard, port } = await startListening(['--region', region])
    const readers = await Promise.all(Array.from({ length: 6 }, () => Client.connect(port)))
    for (const reader of readers) {
      reader.stopReading()
      reader.send(request('/metrics').repeat(30))
    }
    const open = () => connectionsOf(guard.pid)
    await until('the readers are connected, and an answer is stuck', () => open() === 6 && unsentBytes(port) > 0)
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
    // The answer came before any of the readers was cut off.
    expect(open()).toBeGreaterThanOrEqual(6)
    await until('the readers are cut off', () => open() === 0)
  })

  it('has a second instead of five while no place is free', async () => {
    const [pressed, free] = [await besideHealthy(), await besideHealthy()]
    const [patient] = (await unfinished(free.port, 1)) as [Client]
    const began = performance.now()
    const busy = await unfinished(pressed.port, 64)
    const late = await Promise.all(busy.map((client) => client.response()))
    expect(late.map(({ status }) => status)).toEqual(Array(64).fill(408))
    expect(performance.now() - began).toBeGreaterThan(900)
    expect(patient.received, 'beside free places the time is longer').toBe('')
    expect(await patient.response()).toMatchObject({ status: 408 })
  })

  it('that has sent nothing is closed after five seconds, whoever had its place before', async () => {
    const { port } = await besideHealthy()
    const before = await Client.connect(port)
    before.send(request('/livez'))
    expect(await before.response()).toMatchObject({ status: 200 })
    before.close()
    const silent = await Client.connect(port)
    await until('the silent client is cut off', () => silent.isEnded, 30_000)
  })
})

describe('many connections', () => {
  it('of which 63 are in the middle of a request leave room for one that is answered at once', async () => {
    const { port } = await besideHealthy()
    const busy = await unfinished(port, 63)
    for (let i = 0; i < 5; i++) expect(await get(port, '/livez')).toMatchObject({ status: 200 })
    // Answered before the first of the 63 was out of time.
    expect(busy.filter(({ isEnded }) => isEnded)).toEqual([])
  })

  it('that send nothing make room for one that does', async () => {
    const { pid, port } = await besideHealthy()
    const silent: Client[] = []
    const ended = () => silent.filter(({ isEnded }) => isEnded).length
    for (let i = 0; i < 4; i++) {
      silent.push(...(await Promise.all(Array.from({ length: 50 }, () => Client.connect(port)))))
      // Beyond its queue of 128 the kernel makes clients try again a second later.
      await until('all are accepted, and 64 are left', () => ended() === Math.max(0, silent.length - 64))
    }
    for (let i = 0; i < 20; i++) expect(await get(port, '/livez')).toMatchObject({ status: 200 })
    // None of the answers waited until the silent ones were out of time.
    expect(ended()).toBeLessThanOrEqual(200 - 64 + 20)
    expect(connectionsOf(pid)).toBeLessThanOrEqual(64)
  })

  it('of which 64 are idle all stay, while no other comes', async () => {
    const { port } = await besideHealthy()
    const clients = await Promise.all(Array.from({ length: 64 }, () => Client.connect(port)))
    for (let round = 0; round < 3; round++) {
      for (const client of clients) client.send(request('/livez'))
      const statuses = await Promise.all(
        clients.map((client) => client.response().then(({ status }) => status, String)),
      )
      expect(statuses).toEqual(Array(64).fill(200))
    }
  })

  it('that have all begun a request make room for one that sends a whole one, the oldest first', async () => {
    const { pid, port } = await besideHealthy()
    const busy = await unfinished(port, 64)
    for (const oldest of busy.slice(0, 5)) {
      expect(await get(port, '/livez')).toMatchObject({ status: 200 })
      // Without a word, or with one if it had its second of time already.
      expect(await oldest.rest()).toMatch(/^(HTTP\/1.1 408 .*)?$/s)
      // The newcomer has closed its side: its place is free, and this one takes it.
      busy.push(...(await unfinished(port, 1)))
    }
    expect(connectionsOf(pid)).toBeLessThanOrEqual(64)
  })

  it('that do not take their answers make room for a newcomer', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 100; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 100 }).beat()
    const { port } = await startListening(['--region', region])
    const readers = await Promise.all(Array.from({ length: 64 }, () => Client.connect(port)))
    for (const reader of readers) {
      reader.stopReading()
      reader.send(request('/metrics').repeat(30))
    }
    await until('an answer is stuck', () => unsentBytes(port) > 0)
    for (let i = 0; i < 5; i++) expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  })

  it('from one address take no place from another address', async () => {
    const { port } = await besideHealthy()
    const other = await Client.connect(port, '127.0.0.1', '127.0.0.2')
    other.send(request('/livez'))
    expect(await other.response()).toMatchObject({ status: 200 })
    for (let i = 0; i < 3; i++) {
      await begin(port, 100)
      other.send(request('/livez'))
      expect(await other.response()).toMatchObject({ status: 200 })
    }
  })

  it('give their memory back when they are gone', async () => {
    const { pid, port } = await besideHealthy()
    const residentKb = () => Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
    await get(port, '/livez')
    const before = residentKb()
    const clients = await Promise.all(Array.from({ length: 64 }, () => Client.connect(port)))
    for (const client of clients) client.send(request('/metrics', [`X: ${'x'.repeat(3_900)}`]))
    await Promise.all(clients.map((client) => client.response()))
    expect(residentKb() - before).toBeGreaterThan(64 * 7)
    for (const client of clients) client.close()
    await untilHolds('the memory is given back', residentKb, (kb) => kb - before < 8 * 12 + 32)
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  })

  it('of hundreds, reset, closed and half-closed, leave no descriptor behind', async () => {
    const { pid, port } = await besideHealthy()
    const ways: ((client: Client) => unknown)[] = [
      (client) => client.close(),
      (client) => client.reset(),
      (client) => {
        client.send(request('/livez'))
        client.reset()
      },
      (client) => {
        client.send(request('/metrics'))
        client.close()
      },
      async (client) => {
        client.send(request('/livez', ['Connection: close']))
        await client.response()
        client.close()
      },
      async (client) => {
        client.finish()
        await client.rest()
        client.close()
      },
    ]
    // Twice as many of each way as there are connections: a leak of one a time would use them all up.
    for (let i = 0; i < 2 * 64 * ways.length; i += 48) {
      const some = Array.from({ length: 48 }, (_, k) => ways[(i + k) % ways.length] as (typeof ways)[number])
      await Promise.all(some.map(async (way) => way(await Client.connect(port))))
    }
    await untilHolds(
      'no connection is left',
      () => connectionsOf(pid),
      (left) => left === 0,
    )
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  })
})

describe('the watch', () => {
  it('strikes a stalled worker while the server is pressed', async ({ skip }) => {
    try {
      execFileSync('wrk', ['--version'], { stdio: 'ignore' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        console.error('NOT TESTED: the watch under load. It needs wrk, a Debian package of that name.')
        skip()
      }
    }
    const region = uniqueRegion()
    const fixture = new URL('../../dist-programs/test/fixtures/guard-stalls.js', import.meta.url).pathname
    const { guard, port } = await startListening([
      ...['--region', region, '--interval', '10ms', '--signal', 'TERM', '--', process.execPath, fixture, region],
    ])
    await guard.said('up')
    await until('/readyz is 200', async () => (await get(port, '/readyz')).status === 200)
    await unfinished(port, 50)
    const load = spawn('wrk', ['-t1', '-c8', '-d120s', `http://127.0.0.1:${port}/livez`])
    try {
      const requests = async () => {
        const { body } = await get(port, '/metrics')
        return Number(/^shm_liveness_guard_http_requests_total (\d+)$/m.exec(body)?.[1])
      }
      await until('two thousand requests are answered', async () => (await requests()) > 2_000)
      expect(guard.stderr).toBe('')
      process.kill(guard.pid, 'SIGUSR2') // which the guard passes on to its command
      const late = /^(\S+) ms after the last of (\d+) beats$/.exec(await guard.said('signalled'))
      expect(load.exitCode, 'the server is still pressed').toBeNull()
      expect(Number(late?.[2])).toBeGreaterThan(0)
      expect(Number(late?.[1])).toBeGreaterThan(100)
      expect(await guard.ended).toEqual({ code: 120, signal: null })
      expect(guard.stderr).toMatch(/stalled: grabber last beat \d+/)
    } finally {
      load.kill('SIGKILL')
    }
  })

  it.each(['/metrics', '/livez'])('looks on while 60 clients send request upon request for %s', async (target) => {
    const region = uniqueRegion()
    for (let i = 0; i < 20; i++) claim(region, { name: `worker-${i}`, maxAge: '1h' }).beat()
    const { port } = await startListening(['--region', region, '--interval', '10ms'])
    const looks = async () => {
      const { body } = await get(port, '/metrics')
      return Number(/^shm_liveness_guard_checks_total (\d+)$/m.exec(body)?.[1])
    }
    const clients = await Promise.all(Array.from({ length: 60 }, () => Client.connect(port)))
    const pour = setInterval(() => {
      for (const client of clients) client.forget().send(request(target).repeat(200))
    }, 50)
    try {
      const before = await looks()
      await until('the guard has looked thirty times meanwhile', async () => (await looks()) >= before + 30)
    } finally {
      clearInterval(pour)
    }
  })

  it('goes on beside a port scan, a TLS client and binary noise', async () => {
    const { port } = await besideHealthy()
    const noise = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) & 0xff))
    const clients = await Promise.all(Array.from({ length: 100 }, () => Client.connect(port)))
    for (const [i, client] of clients.entries()) {
      client.send(noise.subarray(i))
      client.send(noise)
    }
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  })
})
