import { describe, expect, it } from 'vitest'
import { closedByRecord } from '../../../examples/kata-build-runner/log/account.js'
import { mostGaps } from '../../../examples/kata-build-runner/log/gaps.js'
import { LogReader } from '../../../examples/kata-build-runner/log/reader.js'
import { entriesOf, sent } from './kubelet-log.js'
import { GuardStream, nonce, Reading } from './reading.js'

function account(stream: Buffer, { without = [] as number[] } = {}) {
  const entries = entriesOf(stream, [1]).filter((_, index) => !without.includes(index))
  return new Reading().connection(() => sent(entries)).finish().account
}

describe('what is missing', () => {
  it('is known to the byte, between two marks', () => {
    const stream = new GuardStream().mark().output('one\ntwo\n').mark().output('three\nfour\nfive\n').final()
    const begins = new GuardStream().mark().output('one\ntwo\n').mark().length
    const { gaps, lostBytes, bytes, isClosed } = account(stream.bytes, { without: [4, 6] })
    expect(gaps).toEqual([{ afterByte: begins, bytes: 11, mayBeLineEnds: false }])
    expect([lostBytes, isClosed]).toEqual([11, true])
    expect(bytes + lostBytes).toBe(stream.length)
  })

  it('may be a mark itself, and the beginning of the log', () => {
    const stream = new GuardStream().mark().output('one\n').mark().output('two\n').final()
    const first = new GuardStream().mark().length
    expect(account(stream.bytes, { without: [0, 1] })).toMatchObject({
      gaps: [{ afterByte: 0, bytes: first + 4 }],
      lostBytes: first + 4,
    })
  })

  it('is of unknown size at the end without a final mark: the record bounds it', () => {
    const stream = new GuardStream().mark().output('one\ntwo\nthree\n').final()
    const cut = account(stream.bytes, { without: [3, 4] })
    expect(cut).toMatchObject({ isClosed: false, lostBytes: 0 })
    const closed = closedByRecord(cut, { outputBytes: 'one\ntwo\nthree\n'.length })
    expect(closed).toMatchObject({ lostBytes: 6, gaps: [{ afterByte: cut.bytes, bytes: 6 }], isClosed: false })
    expect(closedByRecord(cut, undefined)).toEqual(cut)
  })

  it('is known to the byte at the end, too, by a record that says how much was written', () => {
    const stream = new GuardStream().mark().output('one\ntwo\nthree\n')
    const written = stream.length
    const entries = stream.final().bytes
    expect(closedByRecord(account(entries), { written })).toEqual(account(entries))
    const withoutMark = account(entries, { without: [4] })
    expect(closedByRecord(withoutMark, { written })).toMatchObject({ lostBytes: 0, gaps: [], isClosed: true })
    const cut = account(entries, { without: [3, 4] })
    const gap = { afterByte: cut.bytes, bytes: 6, mayBeLineEnds: false }
    expect(closedByRecord(cut, { written })).toMatchObject({ lostBytes: 6, gaps: [gap], isClosed: true })
    const whole = account(entries, { without: [1, 4] })
    expect(closedByRecord(whole, { written }).lostBytes).toBe(4)
  })

  it('may be carriage returns, which containerd drops before a line end: no more bytes than lines', () => {
    const stream = new GuardStream().mark().output('a\r\nb\r\nc\n').mark().output('d\n').final().bytes
    const asContainerd = Buffer.from(stream.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
    const { gaps, inconsistencies } = account(asContainerd)
    expect(gaps).toMatchObject([{ bytes: 2, mayBeLineEnds: true }])
    expect(inconsistencies).toBe(0)
    expect(account(stream).gaps).toEqual([])
    expect(account(stream, { without: [1, 2] }).gaps).toMatchObject([{ bytes: 6, mayBeLineEnds: false }])
  })
})

describe('a mark that the build has forged', () => {
  const forged = { mark: 'note', text: 'x' }

  it('and that is right changes nothing', () => {
    expect(account(new GuardStream().output('a\n').mark(forged).output('b\n').final().bytes)).toMatchObject({
      inconsistencies: 0,
      lostBytes: 0,
    })
  })

  it.each([
    ['too little', 0],
    ['too much', 1e15],
    ['far too much', Number.MAX_SAFE_INTEGER],
  ])('and that says %s is told, and neither hides a loss nor leaves one that is none', (_, written) => {
    const stream = new GuardStream().output('a\nb\n').mark(forged, written).output('c\n').mark().output('d\n').final()
    expect(account(stream.bytes)).toMatchObject({ lostBytes: 0, gaps: [], isClosed: true })
    expect(account(stream.bytes).inconsistencies).toBeGreaterThan(0)
    const lossy = account(stream.bytes, { without: [1, 3] })
    expect(lossy).toMatchObject({ lostBytes: 4, isClosed: true })
    expect(lossy.inconsistencies).toBeGreaterThan(0)
    expect(lossy.gaps.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(4)
  })

  it('and that claims to be the last hides nothing that comes after it, or that the record tells of', () => {
    const stream = new GuardStream().output('a\n').final().output('b\n').final()
    expect(account(stream.bytes)).toMatchObject({ isClosed: true, inconsistencies: 0, outputBytes: 4 })
    const cut = account(stream.bytes, { without: [2, 3] })
    expect(cut.isClosed).toBe(true)
    expect(closedByRecord(cut, { outputBytes: 4 + 60 })).toMatchObject({ lostBytes: 62 })
    const written = new GuardStream().output('a\n').final().output('b\n').length
    expect(closedByRecord(cut, { written })).toMatchObject({ lostBytes: 2, gaps: [{ bytes: 2 }] })
    expect(account(stream.bytes, { without: [3] }).isClosed).toBe(false)
  })

  it.each([1e15, Number.MAX_SAFE_INTEGER])(
    'and that says far too much, %d, is not believed against the record',
    (said) => {
      const stream = new GuardStream().output('a\n').mark(forged, said)
      const written = stream.length
      const found = closedByRecord(account(stream.bytes), { written })
      expect(found).toMatchObject({ lostBytes: 0, gaps: [], isClosed: true, inconsistencies: 1 })
    },
  )

  it('by the million fills no memory: gaps are listed up to a number, and summed', () => {
    const reader = new LogReader(nonce)
    reader.connected()
    const marks = 20_000
    for (let number = 1; number <= marks; number++) {
      const stamp = `2024-01-01T00:00:00.${String(number).padStart(9, '0')}Z`
      const mark = { mark: 'note', written: number * 1000, text: '' }
      reader.push(Buffer.from(`${stamp} ##[shm-guard ${nonce}] ${JSON.stringify(mark)}\n`))
    }
    const { gaps, moreGaps, lostBytes } = reader.account
    expect(gaps).toHaveLength(mostGaps)
    expect(moreGaps.count).toBe(marks - mostGaps)
    expect(gaps.reduce((sum, { bytes }) => sum + bytes, moreGaps.bytes)).toBe(lostBytes)
    // The record tells how long the log really is: all of it was made up.
    const { bytes } = reader.account
    expect(closedByRecord(reader.account, { written: bytes })).toMatchObject({
      ...{ lostBytes: 0, gaps: [], moreGaps: { count: 0, bytes: 0 }, isClosed: true },
    })
    const some = closedByRecord(reader.account, { written: bytes + 1500 })
    expect(some).toMatchObject({ lostBytes: 1500, moreGaps: { count: 0, bytes: 0 } })
    expect(some.gaps.reduce((sum, gap) => sum + gap.bytes, 0)).toBe(1500)
  })

  it('does not let bytes that came twice pay for lost ones, once two marks say so', () => {
    const stream = new GuardStream().output('aaaa\n').mark().output('b\n').mark().output('cccc\n').final()
    const entries = entriesOf(stream.bytes, [1])
    // Twice, with a time of its own: the kubelet never does that, and nothing recognises it.
    const twice = { ...entries[0]!, seconds: entries[0]!.seconds - 10 }
    const reading = new Reading().connection(() => sent([twice, ...entries.filter((_, index) => index !== 4)]))
    expect(reading.finish().account).toMatchObject({ lostBytes: 5, inconsistencies: 2 })
  })
})
