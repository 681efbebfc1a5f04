import { execFileSync, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { claim } from '../support/held.js'
import { Client, get, request, startListening } from '../support/http-raw.js'
import { besideHealthy, descriptorsOf, timed, unfinished } from '../support/listening.js'
import { uniqueRegion } from '../support/region.js'

describe('a client out of time', () => {
  it('is sent 408 and cut off after five seconds, and a drip of bytes does not help it', async () => {
    const { pid, port } = await besideHealthy()
    const before = descriptorsOf(pid)
    const clients: Record<string, Client> = {}
    for (const name of ['silent', 'dripping', 'second', 'refused']) clients[name] = await Client.connect(port)
    const { silent, dripping, second, refused } = clients as Record<string, Client> & { silent: Client }
    const began = performance.now()
    silent.send('GET /livez HT')
    dripping?.send('GET /livez HTTP/1.1\r\n')
    second?.send(`${request('/livez')}GET`)
    expect(await second?.response()).toMatchObject({ status: 200 })
    refused?.send('\0\r\n\r\n')
    expect(await refused?.response()).toMatchObject({ status: 400 })
    const drip = setInterval(() => {
      dripping?.send('x')
      refused?.send('x')
    }, 200)
    try {
      for (const client of [silent, dripping, second]) {
        expect(await client?.response({ withinMs: 9_000 })).toMatchObject({
          status: 408,
          headers: { connection: 'close' },
        })
        expect(await client?.rest()).toBe('')
      }
      const ms = performance.now() - began
      expect(ms).toBeGreaterThan(4_500)
      expect(ms).toBeLessThan(8_000)
      for (const client of [silent, dripping, second]) client?.close()
      // The one that was refused has had its answer, and has not hung up in the five seconds since.
      const left = await eventually(
        () => descriptorsOf(pid),
        (left) => left === before,
        4_000,
      )
      expect(left).toBe(before)
    } finally {
      clearInterval(drip)
    }
  }, 30_000)

  it('that never reads a large answer is cut off, and delays nobody meanwhile', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 300; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 300 }).beat()
    const { guard, port } = await startListening(['--region', region])
    const before = descriptorsOf(guard.pid)
    const readers = await Promise.all(Array.from({ length: 20 }, () => Client.connect(port)))
    for (const reader of readers) {
      reader.stopReading()
      reader.send(request('/metrics').repeat(30))
    }
    const taken = await eventually(
      () => descriptorsOf(guard.pid),
      (taken) => taken === before + 20,
    )
    expect(taken).toBe(before + 20)
    for (let i = 0; i < 10; i++) {
      const { answer, ms } = await timed(get(port, '/livez'))
      expect(answer).toMatchObject({ status: 200 })
      expect(ms).toBeLessThan(1_000)
    }
    const left = await eventually(
      () => descriptorsOf(guard.pid),
      (left) => left === before,
      9_000,
    )
    expect(left).toBe(before)
  }, 30_000)
})

describe('many connections', () => {
  it('of which 63 are in the middle of a request leave room for one that is answered at once', async () => {
    const { port } = await besideHealthy()
    await unfinished(port, 63)
    for (let i = 0; i < 20; i++) {
      const { answer, ms } = await timed(get(port, '/livez'))
      expect(answer).toMatchObject({ status: 200 })
      expect(ms).toBeLessThan(1_000)
    }
  })

  it('that say nothing make room for one that does', async () => {
    const { pid, port } = await besideHealthy()
    const before = descriptorsOf(pid)
    for (let i = 0; i < 4; i++) {
      await Promise.all(Array.from({ length: 50 }, () => Client.connect(port)))
      await sleep(50) // beyond its queue of 128 the kernel makes clients try again a second later
    }
    for (let i = 0; i < 20; i++) {
      const { answer, ms } = await timed(get(port, '/livez'))
      expect(answer).toMatchObject({ status: 200 })
      expect(ms).toBeLessThan(1_000)
    }
    expect(descriptorsOf(pid)).toBeLessThanOrEqual(before + 64)
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

  it('that are all busy make a newcomer wait until the first of them is out of time, and no longer', async () => {
    const { port } = await besideHealthy()
    await unfinished(port, 80)
    const newcomer = await Client.connect(port)
    newcomer.send(request('/livez'))
    const { answer, ms } = await timed(newcomer.response({ withinMs: 12_000 }))
    expect(answer).toMatchObject({ status: 200 })
    expect(ms).toBeLessThan(8_000)
  }, 30_000)

  it('that were all busy make room as soon as one of them has its answer', async () => {
    const { port } = await besideHealthy()
    const clients = await unfinished(port, 64)
    const newcomer = await Client.connect(port)
    newcomer.send(request('/livez'))
    await sleep(200)
    for (const client of clients) client.send('\r\n')
    expect(await newcomer.response({ withinMs: 6_000 })).toMatchObject({ status: 200 })
    const answers = await Promise.all(clients.slice(1).map((client) => client.response()))
    expect(answers.map(({ status }) => status)).toEqual(Array(63).fill(200))
  })

  it('of ten thousand, reset, closed and half-closed, leave no descriptor behind', async () => {
    const { pid, port } = await besideHealthy()
    const before = descriptorsOf(pid)
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
    for (let i = 0; i < 10_000; i += 50) {
      const some = Array.from({ length: 50 }, (_, k) => ways[(i + k) % ways.length] as (typeof ways)[number])
      await Promise.all(some.map(async (way) => way(await Client.connect(port))))
    }
    const left = await eventually(
      () => descriptorsOf(pid),
      (left) => left === before,
    )
    expect(left).toBe(before)
    expect(await get(port, '/livez')).toMatchObject({ status: 200 })
  }, 30_000)
})

describe('the watch', () => {
  it('strikes a stalled worker in time, however hard the server is pressed', async ({ skip }) => {
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
    const healthy = await eventually(
      () => get(port, '/readyz'),
      ({ status }) => status === 200,
    )
    expect(healthy.status).toBe(200)
    await unfinished(port, 50)
    const load = spawn('wrk', ['-t1', '-c8', '-d30s', `http://127.0.0.1:${port}/livez`])
    try {
      const requests = async () => {
        const { body } = await get(port, '/metrics')
        return Number(/^shm_liveness_guard_http_requests_total (\d+)$/m.exec(body)?.[1])
      }
      expect(await eventually(requests, (count) => count > 10_000)).toBeGreaterThan(10_000)
      await sleep(500)
      expect(guard.stderr).toBe('')
      process.kill(guard.pid, 'SIGUSR2') // which the guard passes on to its command
      const late = /^(\S+) ms after the last of (\d+) beats$/.exec(await guard.said('signalled'))
      expect(Number(late?.[2])).toBeGreaterThan(20)
      expect(Number(late?.[1])).toBeGreaterThan(100)
      expect(Number(late?.[1])).toBeLessThan(600)
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
    const before = { looks: await looks(), at: performance.now() }
    const clients = await Promise.all(Array.from({ length: 60 }, () => Client.connect(port)))
    const pour = setInterval(() => {
      for (const client of clients) client.forget().send(request(target).repeat(200))
    }, 50)
    await sleep(1_000)
    clearInterval(pour)
    for (const client of clients) client.close()
    const [after, ms] = [await looks(), performance.now() - before.at]
    // A loaded machine takes some of them; half is far from what a guard that serves instead of looking gets.
    expect((after - before.looks) / (ms / 10)).toBeGreaterThan(0.5)
  })

  it('is not slowed by a port scan, a TLS client and binary noise', async () => {
    const { port } = await besideHealthy()
    const noise = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) & 0xff))
    for (let i = 0; i < 100; i++) {
      const client = await Client.connect(port)
      client.send(noise.subarray(i))
      client.send(noise)
    }
    const { answer, ms } = await timed(get(port, '/livez'))
    expect(answer).toMatchObject({ status: 200 })
    expect(ms).toBeLessThan(1_000)
  })
})
