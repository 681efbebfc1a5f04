import { describe, expect, it } from 'vitest'
import { parseRecord, recordOfMarks, recordOutcomes } from '../../../examples/kata-build-runner/model/record.js'

const line =
  'stalled: main last beat 5m ago (limit 5m) in phase "install", read of fd 0 -> pipe:[4711] (pipe_read), pid 17 S (sleeping)'
const fields = {
  outcome: 'stalled',
  exit: 120,
  verdict: 'stalled',
  line,
  phase: 'install',
  step: { number: 1, of: 3, name: 'install' },
  outputBytes: 10412,
  written: 12880,
  restarts: 0,
  time: '2026-11-24T10:15:00Z',
}
const message = (of: object) => `${line}, step 1/3 "install"\n${JSON.stringify(of)}\n`

describe('the record in a termination message', () => {
  it('is the line for programs, whole', () => {
    expect(parseRecord(message(fields))).toEqual({ ...fields, interim: false })
  })

  it('is interim, if the command had not ended yet', () => {
    const words = 'told to stop by SIGTERM; the command had not ended yet'
    expect(parseRecord(message({ ...fields, outcome: 'terminated', exit: 143, line: words }))?.interim).toBe(true)
    expect(
      parseRecord(message({ ...fields, outcome: 'terminated', exit: 143, line: 'killed by SIGTERM after SIGTERM' }))
        ?.interim,
    ).toBe(false)
    expect(parseRecord(message({ ...fields, outcome: 'exited', exit: 1, line: words }))?.interim).toBe(false)
  })

  it('is the last one, if there are several', () => {
    expect(parseRecord(message(fields) + message({ ...fields, exit: 121, outcome: 'dead' }))?.outcome).toBe('dead')
  })

  it('survives the cut at its beginning that the kubelet makes after 4096 bytes', () => {
    expect(parseRecord(`${'x'.repeat(5000)}\n${JSON.stringify(fields)}`.slice(-4096))?.exit).toBe(120)
  })

  it.each([
    ['nothing', ''],
    ["a probe's line", line],
    ['a record that was cut at its end', JSON.stringify(fields).slice(0, -1)],
    ['a record that was cut at its beginning', JSON.stringify(fields).slice(20)],
    ['another JSON', '{"level":"error"}'],
    ['an outcome that there is not', message({ ...fields, outcome: 'fine' })],
    ['an exit that is none', message({ ...fields, exit: '0' })],
    ['an exit that cannot be', message({ ...fields, exit: 256 })],
    ['no time', message({ ...fields, time: undefined })],
    ['a step beyond the last', message({ ...fields, step: { number: 4, of: 3, name: 'x' } })],
    ['a step without a name', message({ ...fields, step: { number: 1, of: 3 } })],
    ['a list', message([fields])],
  ])('is not %s', (_name, text) => {
    expect(parseRecord(text)).toBeUndefined()
  })

  it('does without what it need not have', () => {
    const { outcome, exit, time } = fields
    expect(parseRecord(JSON.stringify({ outcome, exit, time }))).toEqual({ outcome, exit, time, interim: false })
  })
})

describe("the record in the log's marks", () => {
  const time = '2026-11-24T10:15:00Z'
  const final = { mark: 'final', written: 1042, outcome: 'exited', exit: 0, line: 'exited with 0' }

  it('takes the step from the last that ended', () => {
    const end = { mark: 'end', written: 1000, step: 3, of: 3, name: 'pack', outcome: 'exited', exit: 0, durationNs: 5 }
    expect(recordOfMarks(final, end, time)).toEqual({
      outcome: 'exited',
      exit: 0,
      line: 'exited with 0',
      step: { number: 3, of: 3, name: 'pack' },
      written: 1042,
      time,
      interim: false,
    })
  })

  it('has none, if none ended', () => {
    expect(recordOfMarks({ ...final, outcome: 'not-started', exit: 2 }, undefined, time)).not.toHaveProperty('step')
    expect(recordOfMarks(undefined, undefined, time)).toBeUndefined()
  })
})

describe('the outcomes', () => {
  it('are those of docs/guard.md', async () => {
    const { readFile } = await import('node:fs/promises')
    const text = await readFile(new URL('../../../docs/guard.md', import.meta.url), 'utf8')
    const listed = /`outcome` is ([^.]*)\./.exec(text)?.[1] ?? ''
    expect([...listed.matchAll(/`([^`]+)`/g)].map((match) => match[1])).toEqual([...recordOutcomes])
  })
})
