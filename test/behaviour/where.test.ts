import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Region } from 'shm-liveness'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { main as cli } from '../support/command.js'
import { compiled } from '../support/compiled.js'
import { only } from '../support/held.js'
import { poke } from '../support/poke.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { Scene } from '../support/scene.js'
import { untilHolds } from '../support/until.js'

const folder = mkdtempSync(join(tmpdir(), 'where-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Until the probe's line matches: the fixture says that it hangs just before it does. */
const untilSaid = (region: string, pattern: RegExp) =>
  untilHolds(
    `the probe says ${pattern}`,
    async () => (await probe(['--region', region, '--confirm', '0'])).stdout,
    (line) => pattern.test(line),
  )

describe('the probe names the call that a worker hangs in', () => {
  const fifo = join(folder, 'fifo')
  const lock = join(folder, 'lock')
  let ends: number[] = []
  beforeAll(() => {
    execFileSync('mkfifo', [fifo])
    writeFileSync(lock, '')
    ends = [openSync(fifo, constants.O_RDWR)]
  })
  afterAll(() => ends.forEach(closeSync))

  it.each([
    ['a FIFO that nobody writes to', 'read', `, read of fd \\d+ -> ${fifo} \\([\\w.]+\\), pid \\d+ S \\(sleeping\\)`],
    ['execSync', 'wait', ', epoll_p?wait of fd \\d+ -> anon_inode:\\[eventpoll\\] \\([\\w.]+\\), pid'],
    ['pbkdf2', 'hash', ', running in [\\w-]+, pid \\d+ R \\(running\\)'],
  ])('%s', async (_, what, place) => {
    const region = uniqueRegion()
    const worker = Program.fixture('hangs', [region, what, fifo])
    await worker.said('hangs')
    const line = await untilSaid(region, new RegExp(place))
    expect(line).toMatch(/^stalled: grabber last beat \S+ ago \(limit 1ms\), /)
  })

  it('flock, of a C++ worker', async () => {
    const region = uniqueRegion()
    const holder = Program.run('flock', [lock, 'sh', '-c', 'echo held; exec sleep 60'])
    await holder.said('held')
    await Program.run(compiled('hangs'), [region, lock]).said('hangs')
    await untilSaid(region, new RegExp(`, flock of fd \\d+ -> ${lock} \\([\\w.]+\\), pid`))
  })
})

describe('a recorded place', () => {
  const stack = Array.from({ length: 12 }, (_, i) => `frame${i} (/app/src/lib/file${i}.ts:${i}:5)`).join('\n')
  const record = (region: string, text: Buffer | string, { kind = 1, takenNs = process.hrtime.bigint() } = {}) => {
    poke(region, 'Where', 'kind', kind)
    poke(region, 'Where', 'taken_ns', takenNs)
    poke(region, 'Where', 'silent_ns', 7_000_000n)
    poke(region, 'Where', 'frames', Buffer.concat([Buffer.from(text), Buffer.alloc(608)]).subarray(0, 608))
  }

  it('is in the line with short file names, as many frames as have room', async () => {
    const scene = new Scene()
    await scene.stalled('grabber')
    record(scene.region, stack)
    const { stdout } = await scene.probe('')
    expect(stdout).toMatch(/ at frame0 \(file0\.ts:0:5\) < frame1 \(file1\.ts:1:5\)( < frame\d \(\S+\))*, pid \d+ S /)
    expect(Buffer.byteLength(stdout)).toBeLessThan(200)
  })

  it('is whole in the termination log, of all that stall, and in JSON', async () => {
    const scene = new Scene()
    await scene.stalled('grabber')
    await scene.stalled('encoder')
    record(scene.region, stack)
    const log = join(folder, 'termination-log')
    await scene.probe(`--termination-log=${log}`)
    const [line, ...below] = readFileSync(log, 'utf8').trimEnd().split('\n')
    expect(line).toMatch(/^stalled: \w+ last beat/)
    const frames = stack.split('\n').map((frame) => `    ${frame}`)
    expect(below).toEqual(expect.arrayContaining(['  grabber:', ...frames, '  encoder:']))
    expect(below.at(below.indexOf('  encoder:') + 1)).toMatch(/^ {4}epoll_p?wait of fd/)
    const { stdout } = await scene.probe('--json')
    expect(JSON.parse(stdout).workers[0].where).toEqual(stack.split('\n'))
    expect((await scene.probe('--verbose')).stdout).toContain(`${frames.join('\n')}\n`)
  })

  it('gives way to what the kernel says once the worker has beaten since', async () => {
    const scene = new Scene()
    const worker = await scene.beating('grabber', { maxAge: '1ms' })
    record(scene.region, stack)
    await worker.ask({ do: 'beat' })
    expect((await scene.probe('')).stdout).toMatch(/\(limit 1ms\), epoll_p?wait of fd/)
    expect(only(scene.region).where).toMatchObject({ kind: 'javascript', isCurrent: false, silentMs: 7 })
  })

  it('is what Region.workers() says, and after a restart the last words', async () => {
    const scene = new Scene()
    const status = () => execFileSync(process.execPath, [cli, 'status', scene.region], { encoding: 'utf8' })
    const worker = await scene.beating('grabber', { maxAge: '1ms' })
    record(scene.region, `read of fd 22 -> /data/fifo (pipe_read)\n${stack}`, { kind: 4 })
    poke(scene.region, 'SlowPlace', 'count', 11)
    poke(scene.region, 'SlowPlace', 'text', Buffer.from('gzipSync (report.ts:19)\0'))
    const place = {
      where: { kind: 'native-and-javascript', isCurrent: true, silentMs: 7, takenAgoMs: expect.any(Number) },
      slowPlaces: [{ place: 'gzipSync (report.ts:19)', count: 11 }],
    }
    expect(only(scene.region)).toMatchObject(place)
    expect(only(scene.region).where?.frames).toHaveLength(13)
    poke(scene.region, 'Hot', 'late_cycles', 14n)
    poke(scene.region, 'Hot', 'worst_cycle_ns', 37_000_000n)
    expect(status()).toContain('late 14 x, worst 37 ms, 11 of them at gzipSync (report.ts:19)')
    await worker.kill()
    await scene.claim('grabber')
    expect(only(scene.region)).toMatchObject({ where: null, slowPlaces: [], lastWords: { ended: 'died', ...place } })
    expect(status()).toMatch(
      /before: died after \d+ beats, read of fd 22 -> \/data\/fifo \(pipe_read\) < frame0 \(file0\.ts:0:5\)/,
    )
  })

  const hostile: [string, Buffer, { kind?: number; takenNs?: bigint }][] = [
    ['control bytes and ANSI escapes', Buffer.from('a\x1b[2J\x1b]0;x\x07\r\u009b31m\nb\x7f"\\'), {}],
    ['invalid UTF-8 without an end', Buffer.alloc(608, 0xc3), {}],
    ['only newlines', Buffer.alloc(608, 0x0a), {}],
    ['a parenthesis alone', Buffer.from('(\n)\n/(\n)/'), {}],
    ['a kind that nobody knows', Buffer.from('x'), { kind: 0xffffffff }],
    ['a time that has not come', Buffer.from('x (y:1:1)'), { takenNs: 2n ** 64n - 1n }],
  ]
  it.each(hostile)('may be anything: %s', async (_, bytes, more) => {
    const scene = new Scene()
    await scene.stalled('grabber')
    record(scene.region, bytes, more)
    poke(scene.region, 'SlowPlace', 'count', 0xffffffff)
    poke(scene.region, 'SlowPlace', 'text', Buffer.concat([bytes, Buffer.alloc(72, 0xff)]).subarray(0, 72))
    const log = join(folder, 'hostile')
    const forms = ['--confirm 0', '--confirm 0 --verbose', '--confirm 0 --json', `--confirm 0 --termination-log=${log}`]
    for (const { code, stdout } of await scene.probeAll(forms)) {
      expect(code).toBe(1)
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\ufffd]/u)
      expect(Buffer.byteLength(stdout.split('\n')[0] as string)).toBeLessThan(stdout.startsWith('{') ? 4096 : 200)
      if (stdout.startsWith('{')) expect(JSON.parse(stdout).workers).toHaveLength(1)
    }
    expect(readFileSync(log, 'utf8').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\ufffd]/u)
    expect(JSON.stringify(only(scene.region).where?.frames ?? [])).not.toMatch(/\\u00|\\[nr]/)
    expect(only(scene.region).slowPlaces[0]?.place).not.toMatch(/\p{Cc}/u)
  })

  it('that is being written for ever stops nobody', async () => {
    const scene = new Scene()
    await scene.stalled('grabber')
    record(scene.region, stack)
    poke(scene.region, 'Where', 'sequence', 1)
    poke(scene.region, 'SlowPlace', 'sequence', 0xffffffff)
    expect((await scene.probe('')).stdout).toMatch(/\(limit 1ms\), epoll_p?wait of fd/)
    expect(Region.open(scene.region).workers()[0]).toMatchObject({ where: null, slowPlaces: [] })
  })
})
