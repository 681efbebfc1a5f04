import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { uniqueRegion } from '../support/region.js'
import { read } from '../support/steps.js'
import { boots, type GuardRun, guardRuns } from './kube-api/index.js'
import { create, namespace, start, until } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-voice-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Said {
  exit: number | null
  bytes: Buffer
  record: string
}

/** The real guard, over real steps. */
async function really(steps: object[]): Promise<Said> {
  const [file, log] = [join(folder, 'steps.json'), join(folder, 'termination-log')]
  writeFileSync(file, JSON.stringify({ steps }))
  writeFileSync(log, '')
  const flags = ['--region', uniqueRegion(), '--interval', '5ms', '--nonce', 'abc', `--termination-log=${log}`]
  const { code, stdout } = await guard([...flags, '--steps', file])
  return { exit: code, bytes: Buffer.from(stdout), record: readFileSync(log, 'utf8') }
}

/** The same steps, as the fake has them, by way of the API. */
async function fake(steps: object[], run: GuardRun): Promise<Said> {
  const client = await start()
  client.api.scenario('b', [boots(), guardRuns(run)])
  const body = { metadata: { name: 'b' }, stringData: { 'steps.json': JSON.stringify({ steps }) } }
  await client.core.createNamespacedSecret({ namespace, body })
  await create(client, 'b', { secretName: 'b' })
  const ended = () => client.api.podsOf('b')[0]?.status.containerStatuses?.[0]?.state.terminated
  const { exitCode, message = '' } = await until('the container has ended', ended)
  const name = client.api.podsOf('b')[0]!.metadata.name
  const text = await client.core.readNamespacedPodLog({ namespace, name, container: 'build' })
  return { exit: exitCode, bytes: Buffer.from(text), record: message }
}

const volatile = new Set(['durationNs', 'time', 'at', 'end', 'where'])
const withoutTimes = (value: object) =>
  JSON.parse(
    JSON.stringify(value, (key, each: unknown) => {
      if (volatile.has(key)) return typeof each
      if (typeof each !== 'string') return each
      // Where a shell waits for its program depends on the kernel, and on whether it has started it.
      return each.replaceAll(/\d[\d.]*(ms|s|m) ago|(?<=in phase "\w+"), .*, cpu \d+%|died \S+/g, '*')
    }),
  )

/** A mark with a time of variable length before it is later or earlier by that length. */
function compared({ exit, bytes, record }: Said) {
  const { nonce, marks } = read(bytes)
  const [people = '', ...others] = record.trimEnd().split('\n')
  const json = others.pop() ?? ''
  const { written, ...fields } = JSON.parse(json) as { written: number }
  return {
    ...{ exit, nonce },
    marks: marks.map((mark) => ({ ...withoutTimes(mark), written: mark.written === mark.at })),
    keys: marks.map((mark) => Object.keys(mark)),
    people: withoutTimes([people])[0],
    hasStack: others.length > 0,
    record: withoutTimes(fields),
    written: written === marks.at(-1)?.written,
    recordKeys: Object.keys(JSON.parse(json) as object),
  }
}

describe('the guard of the fake says what the real one does', () => {
  const cases: { what: string; steps: object[]; run: GuardRun }[] = [
    {
      what: 'success, with output that has no line end',
      steps: [
        { name: 'install', argv: ['echo', 'hello'], timeLimit: '20m' },
        { name: 'test', shell: 'printf abc', silenceBudget: '2s' },
      ],
      run: { steps: [{ output: 'hello\n' }, { output: 'abc' }] },
    },
    {
      what: 'a step that fails; the next is not begun',
      steps: [
        { name: 'test', shell: 'echo no; exit 3' },
        { name: 'never', shell: 'true' },
      ],
      run: { steps: [{ output: 'no\n', exit: 3 }] },
    },
    {
      what: 'a step that stalls',
      steps: [{ name: 'hang', shell: 'echo hi; sleep 50', silenceBudget: '200ms' }],
      run: { steps: [{ output: 'hi\n', outcome: 'stalled' }] },
    },
    {
      what: 'a step beyond its time limit',
      steps: [{ name: 'long', shell: 'echo hi; sleep 50', timeLimit: '200ms' }],
      run: { steps: [{ output: 'hi\n', outcome: 'timed-out' }] },
    },
    {
      what: 'a step that is killed',
      steps: [{ name: 'killed', shell: 'kill -KILL $$' }],
      run: { steps: [{ outcome: 'signalled' }] },
    },
    {
      what: 'a program that is not there',
      steps: [{ name: 'absent', argv: ['/nope'] }],
      run: { steps: [{ outcome: 'not-started' }] },
    },
  ]
  it.each(cases)('$what', async ({ steps, run }) => {
    expect(compared(await fake(steps, run))).toEqual(compared(await really(steps)))
  })

  it('counts exactly what it wrote before each mark', async () => {
    const steps = [{ output: 'ä€ without line end' }, { output: ['line\n', 'x'] }]
    const { bytes } = await fake([], { steps })
    const { marks } = read(bytes)
    expect(marks.map(({ mark }) => mark)).toEqual(['begin', 'end', 'begin', 'end', 'final'])
    for (const { written, at } of marks) expect(written).toBe(at)
  })
})
