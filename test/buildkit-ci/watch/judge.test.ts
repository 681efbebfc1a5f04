import { describe, expect, it } from 'vitest'
import { budgetsFor, stepBudgetOf } from '../../../examples/buildkit-ci/progress/budgets.js'
import { phaseText, spanText } from '../../../examples/buildkit-ci/progress/words.js'
import { type Build, judge } from '../../../examples/buildkit-ci/watch/judge.js'

const minute = 60_000
const budgets = budgetsFor('daemon', { toldAfterMs: 5 * minute, endedAfterMs: 30 * minute }, [
  stepBudgetOf('RUN soak*=10m,never'),
  stepBudgetOf('RUN npm ci*=1m,2m'),
])
const limits = { apiAnswerMs: minute, budgets }
const build = (ref: string, name: string, silentMinutes: number): Build => ({
  ref,
  steps: [{ name, silentMs: silentMinutes * minute }],
})
const judged = (builds: Build[]) => judge({ owed: undefined, builds }, limits)

describe('a daemon', () => {
  it('is well while no build runs', () => {
    expect(judged([])).toEqual({ stalls: [], ending: undefined })
  })

  it('is well while its steps make progress', () => {
    expect(judged([build('a', '[1/2] RUN make', 4), build('b', '[1/1] RUN make', 0)]).stalls).toEqual([])
  })

  it('has a silent step told by name, and is not ended for it', () => {
    expect(judged([build('a', '[build 4/9] RUN make', 5)])).toEqual({
      stalls: [
        { key: 'a [build 4/9] RUN make', kind: 'step', text: 'no progress in [build 4/9] RUN make for 5m, build a' },
      ],
      ending: undefined,
    })
  })

  it('is ended once each step is silent beyond its second budget', () => {
    const { ending } = judged([build('a', '[build 4/9] RUN npm ci', 3), build('b', '[1/1] RUN make', 31)])
    expect(ending).toBe('no progress in [1/1] RUN make for 31m')
  })

  it('is not ended for a hung build beside one that makes progress, however long that lasts', () => {
    const { stalls, ending } = judged([build('hung', '[1/1] RUN npm ci', 600), build('well', '[1/1] RUN make', 1)])
    expect(stalls.map(({ text }) => text)).toEqual(['no progress in [1/1] RUN npm ci for 10h, build hung'])
    expect(ending).toBeUndefined()
  })

  it('is never ended for steps whose budget says never', () => {
    const { stalls, ending } = judged([build('a', '[1/1] RUN soak test', 600)])
    expect(stalls).toHaveLength(1)
    expect(ending).toBeUndefined()
  })

  it.each(['exporting to image', 'exporting cache to registry', 'pushing app:1 with docker', 'no step'])(
    'has much longer for %s, of which BuildKit tells no progress',
    (name) => {
      expect(judged([build('a', name, 29)])).toEqual({ stalls: [], ending: undefined })
      expect(judged([build('a', name, 5 * 60)])).toMatchObject({ stalls: [{ kind: 'step' }], ending: undefined })
      expect(judged([build('a', name, 6 * 60)]).ending).toBe(`no progress in ${name} for 6h`)
    },
  )

  it('is ended for a hung step though others queue behind it for as long', () => {
    const queued = build('queued', 'no step', 40)
    expect(judged([build('hung', '[1/1] RUN make', 31), queued]).ending).toBe('no progress in [1/1] RUN make for 31m')
    expect(judged([build('hung', '[1/1] RUN make', 31), build('new', 'no step', 1)]).ending).toBeUndefined()
  })

  it('is told at half the time that it may take to answer, and ended at all of it', () => {
    const owing = (waitedMs: number) => judge({ owed: { question: 'Info', waitedMs }, builds: [] }, limits)
    expect(owing(0.4 * minute)).toEqual({ stalls: [], ending: undefined })
    expect(owing(0.5 * minute)).toMatchObject({ stalls: [{ text: 'no answer to Info for 30s' }], ending: undefined })
    expect(owing(minute).ending).toBe('no answer to Info for 1m')
  })
})

describe('budgets', () => {
  it('are those of the first pattern that matches, wherever in the step its command begins', () => {
    expect(budgets.of('[build 4/9] RUN npm ci --omit=dev').toldAfterMs).toBe(minute)
    expect(budgets.of('[build 4/9] COPY . .').toldAfterMs).toBe(5 * minute)
  })

  it('never end a build for what BuildKit tells no progress of, unless a flag says so', () => {
    const usual = { toldAfterMs: 5 * minute, endedAfterMs: 30 * minute }
    const ofBuild = budgetsFor('build', usual, [stepBudgetOf('exporting*=1m,10m')])
    expect(ofBuild.of('no step')).toMatchObject({ toldAfterMs: 30 * minute, endedAfterMs: undefined })
    expect(ofBuild.of('exporting to image').endedAfterMs).toBe(10 * minute)
    expect(budgetsFor('build', usual).of('[2/2] RUN echo exporting x')).toEqual(usual)
  })

  it('of the daemon are never shorter for these than for other steps', () => {
    const day = 24 * 60 * minute
    expect(budgetsFor('daemon', { toldAfterMs: day, endedAfterMs: day }).of('no step')).toMatchObject({
      toldAfterMs: day,
      endedAfterMs: day,
    })
  })

  it.each(['RUN npm', '=1m,2m', 'RUN x=1m', 'RUN x=1,2', 'RUN x=1m,soon', 'RUN x=never,1m', 'RUN x=0s,1m'])(
    'refuse "%s"',
    (text) => {
      expect(() => stepBudgetOf(text)).toThrow(expect.objectContaining({ code: 'BUDGET_INVALID' }))
    },
  )

  it('refuse to end what was not told before', () => {
    expect(() => budgetsFor('build', { toldAfterMs: 2, endedAfterMs: 1 })).toThrow(/before they are told/)
  })
})

describe('words', () => {
  it.each([
    [250, '250ms'],
    [59_999, '59s'],
    [5 * minute, '5m'],
    [5 * minute + 7_000, '5m7s'],
    [90 * minute, '1h30m'],
  ])('%d ms is %s', (ms, text) => {
    expect(spanText(ms)).toBe(text)
  })

  it('cut the name of a step, and not the time behind it, to what a phase holds', () => {
    const text = phaseText('no progress in ', `[build 4/9] RUN ${'é'.repeat(100)}\n`, ' for 30m')
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(63)
    expect(text).toMatch(/^no progress in \[build 4\/9\] RUN é+\.\.\. for 30m$/)
  })
})
