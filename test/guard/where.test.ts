import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { get, startListening } from '../support/http-raw.js'
import { letPass, poke } from '../support/poke.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { Scene } from '../support/scene.js'
import { Scrape } from '../support/scrape.js'
import { until, untilHolds } from '../support/until.js'
import { startGuard, worker } from '../support/watched.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-where-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const selects = ['-c', 'import select\nselect.select([], [], [])']

describe('the guard says where a worker hangs', () => {
  it('in its line, its record and the region, for the time after the kill', async () => {
    const region = uniqueRegion()
    const log = join(folder, 'log')
    const command = worker(region, '400ms', 'beat:100', 'block')
    const guard = startGuard(['--region', region, '--grace', '100ms', `--termination-log=${log}`, '--', ...command])
    expect(await guard.ended).toMatchObject({ code: 120 })
    const place = /futex, a lock or a condition \([\w.]+\)/
    expect(guard.stderr).toMatch(
      new RegExp(`stalled: grabber last beat \\S+ ago \\(limit 400ms\\), ${place.source}, pid \\d+ S \\(sleeping\\)`),
    )
    const [line, name, frame, json] = readFileSync(log, 'utf8').split('\n') as [string, string, string, string]
    expect([line, name, frame]).toEqual([
      expect.stringContaining('stalled: grabber'),
      '  grabber:',
      expect.stringMatching(place),
    ])
    expect(JSON.parse(json)).toMatchObject({ outcome: 'stalled', where: [expect.stringMatching(place)] })
    expect(only(region).where).toMatchObject({ kind: 'native', isCurrent: true, frames: [frame.trim()] })
    claim(region)
    expect(only(region).lastWords).toMatchObject({
      ended: 'died',
      where: { kind: 'native', isCurrent: true, frames: [frame.trim()] },
    })
  })

  it('of a program that knows nothing of it, also below a shell', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--progress', 'output', '--max-age', '400ms', '--grace', '100ms']
    const guard = startGuard([...flags, '--', 'sh', '-c', '"$@"; exit', 'sh', ...python, ...selects])
    await guard.ended
    expect(guard.stderr).toMatch(/, p?select6? \([\w.]+\), pid \d+ \(python3\S*\) < wait4 \(do_wait\), pid \d+ S /)
    expect(only(region).where?.frames).toEqual([
      expect.stringMatching(/^p?select6? \([\w.]+\), pid \d+ \(python3/),
      'wait4 (do_wait)',
    ])
  })

  it('before the limit is over', async () => {
    const region = uniqueRegion()
    const guard = startGuard(['--region', region, '--', ...worker(region, '40s', 'beat:1', 'block')])
    await guard.said('block')
    letPass(region, 25)
    const { where } = await until('the place is there', () => only(region).where && only(region))
    expect(where).toMatchObject({ kind: 'native', isCurrent: true })
    expect(where?.silentMs).toBeGreaterThan(25_000)
    expect(where?.silentMs).toBeLessThan(40_000)
  })

  it('but leaves what the worker itself has recorded of this silence', async () => {
    const region = uniqueRegion()
    const guard = startGuard([
      ...['--region', region, '--grace', '100ms', '--'],
      ...worker(region, '3s', 'beat:100', 'block'),
    ])
    await guard.said('block')
    const seen = only(region)
    poke(region, 'Where', 'frames', Buffer.from('decode (/app/frames.ts:88:12)\nonImage (/app/camera.ts:41:5)\0'))
    poke(region, 'Where', 'taken_ns', process.hrtime.bigint())
    poke(region, 'Where', 'kind', 1)
    expect(seen.beats).toBeGreaterThan(1)
    await guard.ended
    expect(guard.stderr).toMatch(/\(limit 3s\) at decode \(frames\.ts:88:12\) < onImage \(camera\.ts:41:5\), pid \d+ S/)
    expect(only(region).where).toMatchObject({ kind: 'javascript', frames: { length: 2 } })
  })

  it('to those who ask: /livez and /metrics, with one place for each worker and no number that changes', async () => {
    const scene = new Scene()
    await scene.stalled('grabber')
    poke(scene.region, 'SlowPlace', 'count', 11)
    poke(scene.region, 'SlowPlace', 'text', Buffer.from('gz"ip\\\n\x1b[1m (report.ts:19)\0'))
    const { port } = await startListening(['--region', scene.region])
    const body = await untilHolds(
      'the line',
      async () => (await get(port, '/livez')).body,
      (text) => text.includes('epoll'),
    )
    expect(body).toMatch(/^stalled: grabber last beat \S+ ago \(limit 1ms\), epoll_p?wait of fd \d+ -> anon_inode/)
    const scrape = await Scrape.of(port)
    expect(scrape.samples('worker_where_info')).toMatchObject([
      { labels: { worker: 'grabber', place: expect.stringMatching(/^epoll_p?wait$/) }, value: 1 },
    ])
    expect(scrape.samples('worker_slow_cycles')).toMatchObject([
      { labels: { worker: 'grabber', place: 'gz"ip\\??[1m (report.ts:19)' }, value: 11 },
    ])
  })
})
