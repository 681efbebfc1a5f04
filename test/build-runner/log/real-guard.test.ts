import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { closedByRecord } from '../../../examples/kata-build-runner/log/account.js'
import { parseRecord } from '../../../examples/kata-build-runner/model/record.js'
import { uniqueRegion } from '../../support/region.js'
import { type Entry, entriesOf, sent } from './kubelet-log.js'
import { nonce, Reading } from './reading.js'

const folder = mkdtempSync(join(tmpdir(), 'log-account-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The stream of the real guard over steps that print this, through a pipe; and its record. */
async function guarded(outputs: readonly Uint8Array[]) {
  const record = join(folder, 'record')
  writeFileSync(record, '')
  const steps = outputs.map((bytes, index) => {
    const file = join(folder, `output-${index}`)
    writeFileSync(file, bytes)
    return { name: `step ${index}`, argv: ['cat', file] }
  })
  const list = join(folder, 'steps.json')
  writeFileSync(list, JSON.stringify({ steps }))
  const flags = ['--region', uniqueRegion(), '--nonce', nonce, `--termination-log=${record}`, '--steps', list]
  const child = spawn(guardPath(), flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
  return { stream: Buffer.concat(chunks), record: parseRecord(readFileSync(record, 'utf8')) }
}

/** Text and bytes that are no text, with and without line ends, CRLF, what looks like a mark, and lines over 16 KiB. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 30 }).map((text) => Buffer.from(`${text}\n`)) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 60_000 }).map((size) => Buffer.alloc(size, 'x')) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('\r\n', `##[shm-guard ${nonce}]\n`, '##[shm-guard', ' ##[shm-guard other] {}\n')
      .map(Buffer.from),
  },
)
const output = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces))
const outputs = fc.array(output, { minLength: 1, maxLength: 4 })
/** All entries have times of their own: from nanoseconds to almost a second apart. */
const stepsNs = fc.array(fc.constantFrom(1, 1000, 5_000_000, 400_000_000, 900_000_000), { minLength: 1, maxLength: 7 })
const chunkSizes = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 })
const share = fc.double({ min: 0, max: 1, noNaN: true })

/** Whole lines; the marks take this text at the beginning of a line. */
const lineStarts = (entries: readonly Entry[]) =>
  entries.flatMap((_, index) => (index === 0 || entries[index - 1]!.bytes.at(-1) === 10 ? [index] : []))
const at = <T>(list: readonly T[], where: number): T =>
  list[Math.min(list.length - 1, Math.floor(where * list.length))]!
const bytesOf = (entries: readonly Entry[]) => Buffer.concat(entries.map(({ bytes }) => bytes))
const guardLine = new RegExp(`^##\\[shm-guard ${nonce}\\] \\{"mark".*\\n`, 'gm')
const withoutMarks = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(guardLine, ''), 'latin1')

describe('an account of what the real guard wrote', () => {
  it('closes at zero loss, whatever the output is and however it comes in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(outputs, stepsNs, chunkSizes, async (given, steps, sizes) => {
        const { stream, record } = await guarded(given)
        const reading = new Reading().connection(() => sent(entriesOf(stream, steps)), sizes)
        const { output: got, account } = reading.finish()
        expect(account).toMatchObject({ lostBytes: 0, gaps: [], inconsistencies: 0, isClosed: true, reconnects: 0 })
        expect(account.bytes).toBe(stream.length)
        expect(got.equals(withoutMarks(stream))).toBe(true)
        expect(reading.marks.filter(({ mark }) => mark === 'begin')).toHaveLength(given.length)
        expect(record?.outputBytes).toBe(given.reduce((sum, bytes) => sum + bytes.length, 0))
        expect(closedByRecord(account, record)).toEqual(account)
        // Without its last line, the final mark, all of the output is there all the same.
        const entries = entriesOf(stream, steps)
        const cut = new Reading().connection(() => sent(entries.slice(0, lineStarts(entries).at(-1)))).finish().account
        expect(cut.isClosed).toBe(false)
        expect(closedByRecord(cut, record)).toMatchObject({
          lostBytes: 0,
          gaps: [],
          isClosed: true,
          inconsistencies: 0,
        })
      }),
      { numRuns: 40 },
    )
  })

  it('is the same after reconnects at any byte', async () => {
    const { stream } = await guarded([
      Buffer.from('one\ntwo\r\n'),
      Buffer.alloc(40_000, 'y'),
      Buffer.from('é\n\n\nend'),
    ])
    fc.assert(
      fc.property(stepsNs, chunkSizes, fc.array(share, { maxLength: 6 }), (steps, sizes, cuts) => {
        const entries = entriesOf(stream, steps)
        const reading = new Reading()
        for (const cut of cuts) {
          reading.connection((since) => {
            const bytes = sent(entries, since)
            return bytes.subarray(0, Math.floor(cut * bytes.length))
          }, sizes)
        }
        reading.connection((since) => sent(entries, since), sizes)
        const { output: got, account } = reading.finish()
        expect(account).toMatchObject({ lostBytes: 0, inconsistencies: 0, isClosed: true, reconnects: cuts.length })
        expect(got.equals(withoutMarks(stream))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('says exactly what is lost where lines are missing, come again, or connections break', async () => {
    const lines = (count: number, name: string) =>
      Array.from({ length: count }, (_, index) => `${name} ${index}\n`).join('')
    const { stream } = await guarded([
      Buffer.from(lines(60, 'a line of the first step')),
      Buffer.from(`no line end, and then ${'long '.repeat(8000)}`),
      Buffer.from(lines(60, 'third')),
    ])
    const misfortune = fc.record({
      cut: share,
      lost: share,
      again: share,
      kind: fc.constantFrom('rotate', 'repeat', 'break'),
    })
    fc.assert(
      fc.property(stepsNs, chunkSizes, fc.array(misfortune, { maxLength: 5 }), (steps, sizes, misfortunes) => {
        const entries = entriesOf(stream, steps)
        const starts = lineStarts(entries)
        const reading = new Reading()
        let from = 0
        const got = new Set<number>()
        for (const { cut, lost, again, kind } of misfortunes) {
          // Up to here the file is read, in whole lines; what `sinceTime` leaves out was read before.
          const to = at(
            starts.filter((start) => start >= from),
            cut,
          )
          for (let index = from; index < to; index++) got.add(index)
          // The last line alone, come again with its own time, could as well be printed twice: a repetition is longer.
          const backs = starts.filter((start) => start >= from && start < to).slice(0, -1)
          const back = backs.length === 0 ? to : at(backs, again)
          reading.connection((since) => {
            const first = sent(entries.slice(from, to), since)
            return kind === 'repeat' ? Buffer.concat([first, sent(entries.slice(back, to))]) : first
          }, sizes)
          // The file is put aside, and what was not read of it is out of the API's reach.
          if (kind === 'rotate')
            from = at(
              starts.filter((start) => start >= to),
              lost,
            )
        }
        for (let index = from; index < entries.length; index++) got.add(index)
        reading.connection((since) => sent(entries.slice(from), since), sizes)
        const expected = bytesOf(entries.filter((_, index) => got.has(index)))
        const { output: passed, account } = reading.finish()
        expect(account.inconsistencies).toBe(0)
        expect(passed.equals(withoutMarks(expected))).toBe(true)
        expect(account.bytes).toBe(expected.length)
        // The last mark is at the very end: unless it is lost itself, nothing is missing without it.
        if (got.has(entries.length - 1)) {
          expect(account).toMatchObject({ isClosed: true, lostBytes: stream.length - expected.length })
          expect(account.gaps.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(account.lostBytes)
        } else expect(account.isClosed).toBe(false)
      }),
      { numRuns: 400 },
    )
  })
})
