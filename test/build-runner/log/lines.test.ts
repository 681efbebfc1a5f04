import { describe, expect, it } from 'vitest'
import { Lines } from '../../../examples/kata-build-runner/log/lines.js'
import { prefixOf, wholeSecondOf } from '../../../examples/kata-build-runner/log/timestamp.js'
import { chunksOf } from './kubelet-log.js'

type Told = string | { foreign: string; isFirst: boolean; hasEnd: boolean }

function told(text: string, size = 1000): Told[] {
  const all: Told[] = []
  let line = ''
  const lines = new Lines({
    begin: ({ seconds, nanoseconds }) => {
      line = `${seconds}.${nanoseconds}: `
    },
    bytes: (piece) => {
      line += piece.toString('latin1')
    },
    end: () => all.push(line),
    foreign: (foreign, where) => all.push({ foreign, ...where }),
  })
  for (const chunk of chunksOf(Buffer.from(text, 'latin1'), [size])) lines.push(chunk)
  lines.end()
  return all
}

const second = 1_475_712_000 + 17 * 60 + 9 // 2016-10-06T00:17:09Z

describe('a log with timestamps', () => {
  it.each([1, 7, 1000])('is taken apart, in pieces of %i bytes', (size) => {
    const text =
      '2016-10-06T00:17:09.669794202Z one\n2016-10-06T00:17:09.669794203Z \n2016-10-06T00:17:10Z  two \xff\r\n'
    expect(told(text, size)).toEqual([
      `${second}.669794202: one\n`,
      `${second}.669794203: \n`,
      `${second + 1}.0:  two \xff\r\n`,
    ])
  })

  it('has a timestamp only where a line begins: what looks like one further on is output', () => {
    const stamp = '2016-10-06T00:17:09.000000001Z '
    expect(told(`${stamp}${stamp}x${stamp}\n`)).toEqual([`${second}.1: ${stamp}x${stamp}\n`])
  })

  it('is in the zone that the runtime writes, and its fractions may be short', () => {
    expect(prefixOf(Buffer.from('2016-10-06T02:17:09.5+02:00 x'))).toEqual({
      time: { seconds: second, nanoseconds: 500_000_000 },
      length: 28,
    })
    expect(wholeSecondOf({ seconds: second, nanoseconds: 999_999_999 })).toBe('2016-10-06T00:17:09Z')
  })

  it('passes a line on before its end has come', () => {
    const pieces: number[] = []
    const lines = new Lines({
      begin: () => {},
      bytes: (piece) => pieces.push(piece.length),
      end: () => pieces.push(0),
      foreign: () => {},
    })
    lines.push(Buffer.from('2016-10-06T00:17:09Z x'))
    for (let chunk = 0; chunk < 3; chunk++) lines.push(Buffer.alloc(1 << 20, 'y'))
    expect(pieces).toEqual([1, 1 << 20, 1 << 20, 1 << 20])
  })

  it('that is cut off within a timestamp has no line there, wherever that is', () => {
    for (const stamp of ['2016-10-06T00:17:09.669794202Z ', '2016-10-06T00:17:09Z ', '2016-10-06T02:17:09.5+02:00 ']) {
      for (let length = 1; length < stamp.length; length++) {
        expect(told(`2016-10-06T00:17:09Z a\n${stamp.slice(0, length)}`)).toEqual([`${second}.0: a\n`])
        expect(told(stamp.slice(0, length))).toEqual([])
      }
    }
    expect(told('2016-10-06 failed')).toEqual([{ foreign: '2016-10-06 failed', isFirst: true, hasEnd: false }])
  })

  it("tells the kubelet's own words from the container's, and keeps no more of them than fits a line", () => {
    expect(told('unable to retrieve container logs for x')).toEqual([
      { foreign: 'unable to retrieve container logs for x', isFirst: true, hasEnd: false },
    ])
    expect(told('2016-10-06T00:17:09Z a\nfailed: 😀\n2016-10-06T00:17:09Z b\n', 5)).toHaveLength(3)
    const [long] = told('x'.repeat(100_000), 3000) as unknown as [{ foreign: string }]
    expect(long.foreign).toHaveLength(1024)
  })
})
