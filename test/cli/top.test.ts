import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Heartbeat } from 'shm-liveness'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WorkerRow } from '../../lib/cli/top/look.js'
import { sorted } from '../../lib/cli/top/order.js'
import { Rates } from '../../lib/cli/top/rates.js'
import { fitted, summaryOf } from '../../lib/cli/top/view.js'
import type { SeenWorker } from '../../lib/cli/workers/seen.js'
import { shmLiveness } from '../support/command.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync('/dev/shm/test-top-')
})
const heartbeats: Heartbeat[] = []
function claim(region: string, name: string): Heartbeat {
  const heartbeat = Heartbeat.claim({ region, name, maxAge: '90s', dir, capacity: 4, stacks: false })
  heartbeats.push(heartbeat)
  return heartbeat
}
afterEach(() => {
  for (const heartbeat of heartbeats.splice(0)) heartbeat.stop()
  rmSync(dir, { recursive: true, force: true })
})

const top = (...args: string[]) => shmLiveness(['top', '--dir', dir, '--once', '--interval', '100ms', ...args])
const cells = (text: string) => text.split('\n').map((line) => line.split(/ {2,}/))

describe('top --once', () => {
  it('is a table of all regions of the directory, with rates, and no control characters', async () => {
    claim('camera', 'grabber').beat()
    claim('sound', 'encoder').beat()
    writeFileSync(`${dir}/other-file`, 'no region')
    const { code, stdout, stderr } = await top()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [heading, ...rows] = cells(stdout)
    expect(heading).toEqual([
      'REGION',
      'WORKER',
      'STATE',
      'AGE',
      'LIMIT',
      'USED',
      'BEATS/S',
      'WORST CYCLE',
      'LATE',
      'WHERE',
    ])
    expect(rows.map((row) => row.slice(0, 3))).toEqual([
      ['camera', 'grabber', 'running'],
      ['sound', 'encoder', 'running'],
      [''],
    ])
    expect(rows[0]?.slice(4, 7)).toEqual(['1 min 30 s', '0 %', '0'])
    expect(stdout).not.toMatch(/[^\n\P{Cc}]/u)
  })

  it('has a row with the reason for a region that is named and not there, and exits 3', async () => {
    claim('camera', 'grabber')
    const { code, stdout } = await top('camera', 'nobody')
    const [, ...rows] = cells(stdout)
    expect({ code, first: rows[0]?.slice(0, 3), reason: rows[0]?.at(-1), second: rows[1]?.[0] }).toEqual({
      ...{ code: 3, first: ['nobody', '-', 'unreadable'], reason: expect.stringContaining('does not exist') },
      second: 'camera',
    })
  })

  it('leaves a region out that it cannot trust, and says so', async () => {
    claim('camera', 'grabber')
    writeFileSync(`${dir}/everybodys`, 'x'.repeat(8192))
    chmodSync(`${dir}/everybodys`, 0o666)
    const look = JSON.parse((await top('--json')).stdout)
    expect(look.leftOut).toEqual(['1 left out: REGION_MODE'])
    expect(look.workers).toEqual([expect.objectContaining({ region: 'camera', name: 'grabber', beatsPerSecond: 0 })])
    expect(look.workers[0].incarnation).toMatch(/^\d+$/)
  })

  it.each([['--interval', '5'], ['--interval', '1ms'], ['--sort', 'color'], ['.bad']])(
    'exits 2 over %s %s',
    async (...args) => expect(await top(...args.filter(Boolean))).toMatchObject({ code: 2, stdout: '' }),
  )

  it('exits 3 where there is no such directory', async () => {
    const args = ['top', '--once', '--dir', `${dir}/none`]
    expect(await shmLiveness(args)).toMatchObject({ code: 3, stderr: expect.stringContaining('ENOENT') })
  })
})

const seen = (changes: Partial<SeenWorker>): SeenWorker => ({
  ...{ name: 'a', state: 'running', ready: true, status: null, phase: null, ageMs: 0, limitMs: 1000, beats: 0 },
  ...{ worstCycleMs: 0, lateCycles: 0, pid: 1, slot: 0, claims: 1, where: null, slowPlaces: [], lastWords: null },
  ...changes,
})

describe('a rate', () => {
  /** Of looks at one worker: when, and what was seen. */
  function rateOf(...looks: [atMs: number, changes: Partial<SeenWorker>][]): number | null | undefined {
    const rates = new Rates()
    return looks.map(([atMs, changes]) => rates.rows([{ place: 'r', worker: seen(changes), atMs }])[0]).at(-1)
      ?.beatsPerSecond
  }

  it.each<[string, Parameters<typeof rateOf>, number | null]>([
    ['is not known at the first look', [[0, { beats: 5 }]], null],
    // 10 beats in 995 ms, by the beats themselves: a look comes 5 and 10 ms behind the latest.
    [
      'goes by the beats, not by the looks',
      [
        [0, { beats: 1, ageMs: 5 }],
        [1000, { beats: 11, ageMs: 10 }],
      ],
      10_000 / 995,
    ],
    [
      'of a slow worker stays between its beats',
      [
        [0, { beats: 1 }],
        [4000, { beats: 3 }],
        [5000, { beats: 3, ageMs: 1000 }],
      ],
      0.5,
    ],
    [
      'falls with the silence',
      [
        [0, { beats: 1 }],
        [1000, { beats: 3 }],
        [11_000, { beats: 3, ageMs: 10_000 }],
      ],
      0.1,
    ],
    [
      'begins anew with a claim',
      [
        [0, { beats: 9 }],
        [1000, { beats: 12, claims: 2 }],
      ],
      null,
    ],
    [
      'begins anew for another name',
      [
        [0, { beats: 9 }],
        [1000, { beats: 12, name: 'b' }],
      ],
      null,
    ],
  ])('%s', (_what, looks, rate) => expect(rateOf(...looks)).toEqual(rate))
})

describe('the order', () => {
  const row = (name: string, changes: Partial<SeenWorker>, beatsPerSecond: number | null = null): WorkerRow => ({
    place: 'r',
    worker: seen({ name, ...changes }),
    beatsPerSecond,
  })
  const rows = [
    row('calm', { ageMs: 10 }, 5),
    row('near', { ageMs: 900, lateCycles: 2 }, 1),
    row('dead', { state: 'dead', ageMs: 90_000, worstCycleMs: 7 }),
    row('stalled', { state: 'stalled', ageMs: 2000 }),
  ]
  it.each([
    ['state', ['stalled', 'dead', 'calm', 'near']],
    ['used', ['stalled', 'near', 'calm', 'dead']],
    ['rate', ['calm', 'near', 'dead', 'stalled']],
    ['worst', ['dead', 'calm', 'near', 'stalled']],
    ['late', ['near', 'calm', 'dead', 'stalled']],
    ['name', ['calm', 'dead', 'near', 'stalled']],
  ] as const)('by %s', (key, names) => expect(sorted(rows, key).map(({ worker }) => worker.name)).toEqual(names))

  it('is summed up by states, the worst first', () => {
    expect(summaryOf({ workers: rows, unreadable: [], leftOut: ['1 left out: X'] }, 'REGION')).toBe(
      '1 region, 4 workers: 1 stalled, 1 dead, 2 running; 1 left out: X',
    )
  })
})

describe('a line on a terminal', () => {
  it('is cut before it is coloured, and between characters', () => {
    expect(fitted({ text: 'abcdef', style: 'red' }, 3, false)).toBe('abc')
    expect(fitted({ text: '\u{1f600}\u{1f600}\u{1f600}' }, 2, true)).toBe('\u{1f600}\u{1f600}')
  })
})
