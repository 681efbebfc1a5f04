import { expect, it } from 'vitest'
import { SimulatedClock } from '../support/simulated-clock.js'
import { ContainerLog, type LogSettings } from './kube-api/container-log.js'

const secondNs = 1e9
const logOf = (settings: Partial<LogSettings>) =>
  new ContainerLog({ rotateAtBytes: 1 << 20, followSkips: false, lineNs: 1000, ...settings }, new SimulatedClock())

async function read(log: ContainerLog, options: { since?: string; tailLines?: number } = {}): Promise<string> {
  const pieces: Buffer[] = []
  const all = log.read({ follow: false, timestamps: true, ...options }, new AbortController().signal)
  for await (const piece of all) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}
const stamps = (text: string) =>
  [...text.matchAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /g)].map(([stamp]) => stamp.trim())

it('a line is cut into pieces of 16 KiB, and one of just that length is not', () => {
  const log = logOf({ lineNs: secondNs })
  log.write(`${'a'.repeat(16_384)}\n`)
  log.write('b'.repeat(16_384))
  log.write('b\n')
  return read(log).then((text) => {
    expect(stamps(text)).toHaveLength(2)
    expect(text).toMatch(/Z a{16384}\n\S+ b{16385}\n$/)
  })
})

it('since a time within a long line, what is left of the line has no timestamp', async () => {
  const log = logOf({ lineNs: secondNs })
  log.write('short\n')
  log.write(`${'x'.repeat(20_000)}\nnext\n`)
  const [, long] = stamps(await read(log))
  const since = new Date(Date.parse(long!) + 1000).toISOString().slice(0, 19)
  expect(await read(log, { since })).toMatch(/^x{3616}\n\S+Z next\n$/)
})

it('lines can share a timestamp', async () => {
  const log = logOf({ lineNs: 0 })
  log.write('a\nb\nc\n')
  expect(new Set(stamps(await read(log))).size).toBe(1)
})

it('the timestamps never go back, and the last lines are those that a tail asks for', async () => {
  const log = logOf({ lineNs: 300_000_000 })
  for (let line = 0; line < 10; line++) log.write(`${line}\n`)
  const text = await read(log)
  expect(stamps(text)).toEqual(stamps(text).toSorted())
  expect((await read(log, { tailLines: 2 })).split('\n').map((line) => line.split(' ')[1])).toEqual([
    '8',
    '9',
    undefined,
  ])
})

it('what has no line end is shown when the container ends', async () => {
  const log = logOf({})
  log.write('prompt> ')
  expect(await read(log)).toBe('')
  log.end()
  expect(await read(log)).toMatch(/Z prompt> $/)
})
