import { describe, expect, it } from 'vitest'
import { letPass } from '../support/poke.js'
import { probe } from '../support/probe.js'
import { Scene, wordOf } from '../support/scene.js'
import { late } from '../support/situations.js'
import type { WorkerProcess } from '../support/worker-process.js'

/** A situation, how it comes about, the flags, and what startup, liveness and readiness answer. */
type Row = [situation: string, arrange: (scene: Scene) => Promise<unknown>, flags: string, answers: string]

const over = '--startup-grace 0'
const within = '--startup-grace 8784h'
const nobody = async () => {}

async function inPhase(scene: Scene, { beats = false, ready = true, budget = '1h' } = {}): Promise<WorkerProcess> {
  const worker = await scene.claim('a', { maxAge: '1ms' })
  if (ready) await worker.ask({ do: 'ready' })
  if (beats) await worker.ask({ do: 'beat' })
  await worker.ask({ do: 'phase', name: 'load', budget })
  return worker
}

async function ended(scene: Scene, how: { do: 'exit'; code: number } | { do: 'throw' }): Promise<void> {
  const worker = await scene.beating('a')
  if (how.do === 'throw') worker.child.stderr?.resume()
  worker.tell(how)
  await worker.gone()
}

async function both(...all: Promise<unknown>[]): Promise<void> {
  await Promise.all(all)
}

const alone: Row[] = [
  ['no region, after the grace', nobody, over, 'missing missing missing'],
  ['no region, within the grace', nobody, within, 'missing pass missing'],
  ['only a left-over slot, after the grace', (s) => s.leftOver('a'), over, 'missing missing missing'],
  ['only a left-over slot, within the grace', (s) => s.leftOver('a'), within, 'missing pass missing'],

  ['claimed, no beat yet', (s) => s.claim('a'), '', 'starting pass starting'],
  ['claimed, no beat yet, ready', async (s) => (await s.claim('a')).ask({ do: 'ready' }), '', 'starting pass starting'],
  ['claimed, no beat after the grace', (s) => s.claim('a'), over, 'stalled stalled stalled'],
  ['in a phase before the first beat', (s) => inPhase(s), over, 'starting pass starting'],
  [
    'in a phase before the first beat, past its budget',
    (s) => inPhase(s, { budget: '1ms' }),
    '',
    'stalled stalled stalled',
  ],

  ['beating, not marked ready', async (s) => (await s.claim('a')).ask({ do: 'beat' }), '', 'pass pass not-ready'],
  ['beating, ready', (s) => s.beating('a'), '', 'pass pass pass'],
  ['beating, ready taken back', async (s) => (await s.beating('a')).ask({ do: 'notReady' }), '', 'pass pass not-ready'],
  ['beating, ready, whatever the grace', (s) => s.beating('a'), over, 'pass pass pass'],

  ['a late cycle, without a window', late, '', 'pass pass pass'],
  ['a late cycle, within the window', late, '--cycle-window 1m', 'pass pass late'],
  ['a late cycle, before the window', late, '--cycle-window 1ns', 'pass pass pass'],
  ['no cycle limit, with a window', (s) => s.beating('a'), '--cycle-window 1m', 'pass pass pass'],

  ['in a phase', (s) => inPhase(s, { beats: true }), '', 'pass pass pass'],
  ['in a phase, not ready', (s) => inPhase(s, { beats: true, ready: false }), '', 'pass pass not-ready'],
  ['in a phase, which --max-age leaves alone', (s) => inPhase(s, { beats: true }), '--max-age 1ns', 'pass pass pass'],
  ['in a phase past its budget', (s) => inPhase(s, { beats: true, budget: '1ms' }), '', 'stalled stalled stalled'],

  ['stalled', (s) => s.stalled('a'), '', 'stalled stalled stalled'],
  ['stalled, but for --max-age', (s) => s.stalled('a'), '--max-age 1h', 'pass pass pass'],
  ['beating, too old for --max-age', (s) => s.beating('a'), '--max-age 1ns', 'stalled stalled stalled'],

  ['killed', (s) => s.dead('a'), '', 'dead dead dead'],
  ['killed, within the grace', (s) => s.dead('a'), within, 'dead dead dead'],
  ['ended by exit(0) without stop()', (s) => ended(s, { do: 'exit', code: 0 }), '', 'dead dead dead'],
  ['ended by exit(1)', (s) => ended(s, { do: 'exit', code: 1 }), '', 'dead dead dead'],
  ['killed before its first beat', async (s) => (await s.claim('a')).kill(), '', 'dead dead dead'],
  ['killed, within the dead grace', (s) => s.dead('a'), '--dead-grace 1m', 'dead pass dead'],
  ['killed, after the dead grace', (s) => s.dead('a'), '--dead-grace 1ns', 'dead dead dead'],
  [
    'killed before its first beat, within the dead grace alone',
    async (s) => (await s.claim('a')).kill(),
    `--dead-grace 1m ${over}`,
    'dead dead dead',
  ],

  ['stopped on purpose, alone', (s) => s.stopped('a'), '', 'stopped stopped stopped'],
  ['stopped on purpose, within the grace', (s) => s.stopped('a'), within, 'stopped stopped stopped'],
]

const several: Row[] = [
  ['both beating', (s) => both(s.beating('a'), s.beating('b')), '--expect a,b --min 2', 'pass pass pass'],
  ['one not ready', (s) => both(s.beating('a'), notReady(s, 'b')), '', 'pass pass not-ready'],
  ['one starting', (s) => both(s.beating('a'), s.claim('b')), '', 'starting pass starting'],

  ['one stopped', (s) => both(s.beating('a'), s.stopped('b')), '', 'pass pass pass'],
  ['one stopped, another expected', (s) => both(s.beating('a'), s.stopped('b')), '--expect a', 'pass pass pass'],
  ['one stopped, and expected', (s) => both(s.beating('a'), s.stopped('b')), '--expect b', 'stopped stopped stopped'],
  ['both stopped', (s) => both(s.stopped('a'), s.stopped('b')), '', 'stopped stopped stopped'],
  ['one stopped, the other left over', (s) => both(s.stopped('a'), s.leftOver('b')), '', 'stopped stopped stopped'],
  ['one stopped, the other dead', (s) => both(s.stopped('a'), s.dead('b')), '', 'dead dead dead'],

  ['one left over', (s) => both(s.beating('a'), s.leftOver('b')), over, 'pass pass pass'],
  [
    'one left over, and expected',
    (s) => both(s.beating('a'), s.leftOver('b')),
    `--expect b ${over}`,
    'missing missing missing',
  ],
  [
    'one left over, no part of a quorum',
    (s) => both(s.beating('a'), s.leftOver('b')),
    `--min 2 ${over}`,
    'missing missing missing',
  ],

  ['one dead', (s) => both(s.beating('a'), s.dead('b')), '', 'dead dead dead'],
  ['one stalled', (s) => both(s.beating('a'), s.stalled('b')), '', 'stalled stalled stalled'],
  ['one stalled, one dead: the graver', (s) => both(s.stalled('a'), s.dead('b')), '', 'dead dead dead'],
  ['one dead, a quorum of one', (s) => both(s.beating('a'), s.dead('b')), '--min 1', 'pass pass pass'],
  ['one stalled, a quorum of one', (s) => both(s.beating('a'), s.stalled('b')), '--min 1', 'pass pass pass'],
  ['one dead, a quorum of two', (s) => both(s.beating('a'), s.dead('b')), '--min 2', 'dead dead dead'],
  [
    'one dead of three, a quorum of two',
    (s) => both(s.beating('a'), s.beating('b'), s.dead('c')),
    '--min 2',
    'pass pass pass',
  ],
  [
    'one dead and expected, in spite of a quorum',
    (s) => both(s.beating('a'), s.dead('b')),
    '--min 1 --expect b',
    'dead dead dead',
  ],
  [
    'one dead, another expected, a quorum',
    (s) => both(s.beating('a'), s.dead('b')),
    '--min 1 --expect a',
    'pass pass pass',
  ],
  ['one not ready, a quorum of one', (s) => both(s.beating('a'), notReady(s, 'b')), '--min 1', 'pass pass pass'],
  ['one starting, a quorum of two', (s) => both(s.beating('a'), s.claim('b')), '--min 2', 'starting pass starting'],
  ['fewer than the floor, after the grace', (s) => s.beating('a'), `--min 2 ${over}`, 'missing missing missing'],
  ['fewer than the floor, within the grace', (s) => s.beating('a'), `--min 2 ${within}`, 'missing pass missing'],

  ['an absent one expected, after the grace', (s) => s.beating('a'), `--expect a,b ${over}`, 'missing missing missing'],
  ['an absent one expected, within the grace', (s) => s.beating('a'), `--expect b ${within}`, 'missing pass missing'],
  ['one expected twice', (s) => s.beating('a'), '--expect a,a', 'pass pass pass'],
  ['a prefix of a name expected', (s) => s.beating('ab'), `--expect a ${over}`, 'missing missing missing'],
]

/** Beating, and not ready. */
async function notReady(scene: Scene, name: string): Promise<void> {
  await (await scene.beating(name)).ask({ do: 'notReady', status: 'draining' })
}

describe('one worker', () => {
  it.each(alone)('%s', async (_, arrange, flags, answers) => {
    const scene = new Scene()
    await arrange(scene)
    expect(await scene.answers(flags)).toBe(answers)
  })
})

describe('of several workers', () => {
  it.each(several)('%s', async (_, arrange, flags, answers) => {
    const scene = new Scene()
    await arrange(scene)
    expect(await scene.answers(flags)).toBe(answers)
  })
})

describe('a phase', () => {
  it('is renewed by each beat inside it', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a', { maxAge: '1ms' })
    await worker.ask({ do: 'ready' })
    await worker.ask({ do: 'phase', name: 'load', budget: '30s' })
    letPass(scene.region, 40)
    expect(await scene.answers('--confirm 0')).toBe('stalled stalled stalled')
    await worker.ask({ do: 'beat' })
    expect(await scene.answers('--confirm 0')).toBe('pass pass pass')
  })

  it('that has ended leaves max age in force, counted from its end', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a', { maxAge: '30s' })
    await worker.ask({ do: 'beat' })
    await worker.ask({ do: 'phase', name: 'load', budget: '1h' })
    letPass(scene.region, 40)
    await worker.ask({ do: 'endPhase' })
    expect(wordOf(await scene.probe('--confirm 0'))).toBe('pass')
    expect(wordOf(await scene.probe('--confirm 0 --max-age 1ns'))).toBe('stalled')
    letPass(scene.region, 40)
    expect(wordOf(await scene.probe('--confirm 0'))).toBe('stalled')
  })

  it('that ends before the first beat begins the grace anew', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a')
    await worker.ask({ do: 'phase', name: 'load', budget: '1h' })
    letPass(scene.region, 40)
    await worker.ask({ do: 'endPhase' })
    expect(wordOf(await scene.probe('--startup-grace 30s'))).toBe('pass')
    expect(wordOf(await scene.probe(over))).toBe('stalled')
    letPass(scene.region, 40)
    expect(wordOf(await scene.probe('--startup-grace 30s'))).toBe('stalled')
  })
})

describe('several regions', () => {
  it('are judged together, and fail with the worst', async () => {
    const [one, two] = [new Scene(), new Scene()]
    await Promise.all([one.beating('a'), two.beating('b')])
    const ask = async (...flags: string[]) => wordOf(await probe(flags))
    const repeated = ['--region', one.region, '--region', two.region]
    expect(await ask(...repeated)).toBe('pass')
    expect(await ask('--region', `${one.region},${two.region}`, '--expect', 'a,b', '--min', '2')).toBe('pass')
    expect(await ask(...repeated, '--min', '3', '--startup-grace', '0')).toBe('missing')
    await two.dead('c')
    expect(await ask(...repeated)).toBe('dead')
    expect(await ask(...repeated, '--min', '2')).toBe('pass')
    expect(await ask('--region', one.region)).toBe('pass')
  })

  it('of which one does not exist are missing after the grace, whatever the quorum', async () => {
    const [one, two] = [new Scene(), new Scene()]
    await one.beating('a')
    const flags = ['--region', `${one.region},${two.region}`]
    expect(wordOf(await probe([...flags, '--min', '1', '--startup-grace', '0']))).toBe('missing')
    expect(wordOf(await probe([...flags, '--startup-grace', '8784h']))).toBe('pass')
  })

  it('of which all workers of one stopped are stopped', async () => {
    const [one, two] = [new Scene(), new Scene()]
    await Promise.all([one.beating('a'), two.stopped('b')])
    expect(wordOf(await probe(['--region', `${one.region},${two.region}`]))).toBe('stopped')
  })
})

describe('a name', () => {
  it('that has two lives is judged by the present one', async () => {
    const scene = new Scene()
    await scene.dead('a')
    expect(await scene.answers()).toBe('dead dead dead')
    await scene.beating('a')
    expect(await scene.answers()).toBe('pass pass pass')
    expect(await scene.answers('--expect a --min 1')).toBe('pass pass pass')
  })

  it('that stopped and came back is judged by the present life', async () => {
    const scene = new Scene()
    await scene.stopped('a')
    await scene.claim('a')
    expect(await scene.answers()).toBe('starting pass starting')
  })
})
