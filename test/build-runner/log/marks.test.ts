import { describe, expect, it } from 'vitest'
import { markOf } from '../../../examples/kata-build-runner/log/marks.js'
import { entriesOf, sent } from './kubelet-log.js'
import { GuardStream, nonce, Reading } from './reading.js'

function read(stream: string | Buffer, chunkSizes?: number[]) {
  const reading = new Reading().connection(() => sent(entriesOf(Buffer.from(stream), [1])), chunkSizes)
  const { output, account } = reading.finish()
  return { output: output.toString(), account, marks: reading.marks.map(({ mark }) => mark) }
}

const note = `##[shm-guard ${nonce}] {"mark":"note","written":0,"text":"n"}`

describe('marks among the output', () => {
  it.each([1, 3, 1000])('are found at the beginning of a line, in pieces of %i bytes', (size) => {
    const stream = new GuardStream()
      .mark()
      .output('one\n')
      .mark({ mark: 'begin', step: 1, of: 2, name: 'é' })
      .output('two')
    stream.output('\n').mark({ mark: 'end', step: 1, of: 2, name: 'é', outcome: 'exited', exit: 0, durationNs: 1e15 })
    const { output, account, marks } = read(stream.final().bytes, [size])
    expect(output).toBe('one\ntwo\n')
    expect(marks).toEqual(['note', 'begin', 'end', 'final'])
    expect(account).toMatchObject({ lostBytes: 0, inconsistencies: 0, isClosed: true, bytes: stream.length })
  })

  it.each([
    ['within a line', `x${note}\n`],
    ['of another nonce', `${note.replace(nonce, 'other')}\n`],
    ['of a nonce that begins alike', `${note.replace(nonce, `${nonce}4`)}\n`],
    ['without a line end', note],
    ['with a carriage return before it', `\r${note}\n`],
    ['that is no JSON', `##[shm-guard ${nonce}] {"mark":\n`],
    ['that is no object', `##[shm-guard ${nonce}] null\n`],
    ['of nothing', `##[shm-guard ${nonce}] \n`],
    ['cut short', `##[shm-guard ${nonce}\n`],
    ['of an unknown kind', `${note.replace('note', 'other')}\n`],
    ['with a negative count', `${note.replace(':0', ':-1')}\n`],
    ['with more than can be counted', `${note.replace(':0', ':1e300')}\n`],
    ['with a fraction', `${note.replace(':0', ':0.5')}\n`],
    ['with more than the guard ever says', `${note.replace('"n"', `"${'n'.repeat(5000)}"`)}\n`],
  ])('are output: one %s', (_, line) => {
    const { output, account, marks } = read(`before\n${line}`)
    expect(output).toBe(`before\n${line}`)
    expect(marks).toEqual([])
    expect(account).toMatchObject({ outputBytes: Buffer.byteLength(line) + 7, isClosed: false })
  })

  it('may be of a form that is richer than today', () => {
    expect(markOf('{"mark":"note","written":3,"text":"t","unsaid":2}')).toMatchObject({ mark: 'note', written: 3 })
    expect(markOf('{"mark":"final","written":3,"outcome":"exited","exit":0,"line":7}')).toBeUndefined()
  })

  it('that are cut off by a lost connection are output, once it is clear that they do not go on', () => {
    const half = entriesOf(Buffer.from(note), [1])
    const later = { seconds: half[0]!.seconds + 5, nanoseconds: 0, bytes: Buffer.from('next\n') }
    const reading = new Reading().connection(() => sent(half)).connection(() => sent([later]))
    expect(reading.finish().output.toString()).toBe(`${note}next\n`)
  })
})
