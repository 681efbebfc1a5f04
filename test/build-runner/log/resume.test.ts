import { describe, expect, it } from 'vitest'
import { type Entry, entriesOf, sent } from './kubelet-log.js'
import { Reading } from './reading.js'

const entry = (seconds: number, nanoseconds: number, text: string): Entry => ({
  ...{ seconds: 1_800_000_000 + seconds, nanoseconds },
  bytes: Buffer.from(text),
})

/** The output after these connections, each with what the log file has then, up to a number of bytes. */
function outputOf(...connections: { file: Entry[]; bytes?: number }[]): string {
  const reading = new Reading()
  for (const { file, bytes } of connections) reading.connection((since) => sent(file, since).subarray(0, bytes))
  return reading.finish().output.toString()
}

describe('a log that is read again from the last second on', () => {
  it('is asked for from the second of the last line, not of the latest', () => {
    const reading = new Reading().connection(() => sent([entry(5, 1, 'a\n'), entry(9, 7, 'b\n'), entry(6, 5, 'c\n')]))
    let asked: string | undefined
    reading.connection((since) => {
      asked = since
      return Buffer.alloc(0)
    })
    expect(asked).toBe('2027-01-15T08:00:06Z')
    expect(new Date(1_800_000_006_000).toISOString()).toBe('2027-01-15T08:00:06.000Z')
  })

  it('passes on lines of the same time exactly once: by order, count and content', () => {
    const file = ['a\n', 'a\n', 'b\n', 'a\n', 'c\n', 'c\n'].map((text) => entry(1, 5, text))
    for (let seen = 1; seen <= file.length; seen++) {
      expect(outputOf({ file: file.slice(0, seen) }, { file }, { file })).toBe('aabacc'.replace(/./g, '$&\n'))
    }
  })

  it('passes on lines of the same time exactly once, also where they are more than are remembered', () => {
    const count = 20_000
    const file = Array.from({ length: count }, (_, index) => entry(1, 5, `${index}\n`))
    const all = file.map(({ bytes }) => bytes.toString()).join('')
    for (const seen of [16_383, 16_385, count - 1, count])
      expect(outputOf({ file: file.slice(0, seen) }, { file }, { file })).toBe(all)
  })

  it('goes on with new lines of the same time where those before them are out of reach', () => {
    const [a, b, c] = ['a\n', 'b\n', 'c\n'].map((text) => entry(1, 5, text)) as [Entry, Entry, Entry]
    expect(outputOf({ file: [a, b] }, { file: [b, c] })).toBe('a\nb\nc\n')
    expect(outputOf({ file: [a, b] }, { file: [c] })).toBe('a\nb\nc\n')
  })

  it('goes on within a line that was cut off, however long it is, and within its time', () => {
    const long = entriesOf(Buffer.from(`first\n${'0123456789'.repeat(7000)}\nlast\n`), [400_000_000])
    const whole = Buffer.concat(long.map(({ bytes }) => bytes)).toString()
    for (const bytes of [0, 5, 40, 41, 67, 68, 70, 4000, 4100, 4200, 20_000, 65_000, 70_080]) {
      expect(outputOf({ file: long, bytes }, { file: long })).toBe(whole)
    }
    const same = [entry(1, 5, 'a\n'), entry(1, 5, 'abc\n'), entry(1, 5, 'abcd\n')]
    for (let bytes = 0; bytes < sent(same).length; bytes++) {
      expect(outputOf({ file: same, bytes }, { file: same })).toBe('a\nabc\nabcd\n')
    }
  })

  it('leaves out the rest of a line that began before that second: it comes without a timestamp', () => {
    // Three pieces, of which `sinceTime` cuts off the first.
    const long = entriesOf(Buffer.from(`${'x'.repeat(40_000)}\nnext\n`), [400_000_000])
    const answer = sent(long, '2027-01-15T08:00:01Z').toString()
    expect(answer).toMatch(/^x+\n2027/)
    const reading = new Reading().connection(() => sent(long))
    const { output } = reading.connection((since) => sent(long, since)).finish()
    expect(output.length).toBe(40_001 + 5)
    expect(reading.troubles).toEqual([])
  })

  it('goes on after the clock of the node went back, during a connection or between two', () => {
    const [a, b, back, next] = [entry(9, 1, 'a\n'), entry(9, 2, 'b\n'), entry(3, 1, 'c\n'), entry(3, 2, 'd\n')] as const
    expect(outputOf({ file: [a, b, back, next] })).toBe('a\nb\nc\nd\n')
    expect(outputOf({ file: [a, b, back] }, { file: [a, b, back, next] })).toBe('a\nb\nc\nd\n')
  })

  it('drops a stretch that comes again within a connection', () => {
    const lines = Array.from({ length: 50 }, (_, index) => entry(1, index, `${index % 7}\n`))
    const reading = new Reading().connection(() => Buffer.concat([sent(lines.slice(0, 40)), sent(lines.slice(20))]))
    const { output, account } = reading.finish()
    expect(output.toString()).toBe(lines.map(({ bytes }) => bytes.toString()).join(''))
    expect(account.repeatedBytes).toBe(40)
  })

  it('knows again only what it passed on: a line that was held back when the connection broke comes later', () => {
    const file = [entry(1, 5, 'abc\n'), entry(1, 5, 'new\n')]
    const bytes = sent(file).length - 2
    expect(outputOf({ file: [file[0]!] }, { file, bytes }, { file })).toBe('abc\nnew\n')
  })
})
