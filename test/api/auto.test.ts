import { describe, expect, it } from 'vitest'
import { deadOfEarlierLives } from '../../dist/auto/earlier-lives.js'
import { intervalFor, startWatch } from '../../dist/auto/loop.js'
import { roleOf } from '../../dist/auto/role.js'
import { autoSettings } from '../../dist/auto/settings.js'

const role = (env: Record<string, string>, script?: string) => roleOf({ env, pid: 7, script })

describe('the process that claims', () => {
  it('is the first, unless it is switched off', () => {
    expect(role({})).toBe('program')
    expect(role({ SHM_LIVENESS_AUTO: '1' }, '/app/main.js')).toBe('program')
    for (const off of ['0', 'false']) expect(role({ SHM_LIVENESS_AUTO: off })).toBe('none')
    expect(() => role({ SHM_LIVENESS_AUTO: 'on' })).toThrow('SHM_LIVENESS_AUTO: 0, 1 or children, got "on"')
  })

  it('is no child of one that has claimed, unless that is told; an exec keeps the pid', () => {
    expect(role({ SHM_LIVENESS_AUTO_PID: '6' })).toBe('none')
    expect(role({ SHM_LIVENESS_AUTO_PID: '6', SHM_LIVENESS_AUTO: 'children' })).toBe('child')
    expect(role({ SHM_LIVENESS_AUTO_PID: '7' })).toBe('program')
    expect(role({ SHM_LIVENESS_AUTO_PID: '' })).toBe('program')
  })

  it.each([
    '/usr/local/lib/node_modules/npm/bin/npm-cli.js',
    '/usr/local/bin/npx',
    '/usr/local/lib/node_modules/corepack/dist/pnpm.js',
    '/app/.yarn/releases/yarn-4.1.0.cjs',
    '/app/node_modules/.bin/cross-env',
    '/app/node_modules/tsx/dist/cli.mjs',
    '/app/node_modules/nodemon/bin/nodemon.js',
  ])('is none that only starts others: %s', (script) => {
    expect(role({}, script)).toBe('none')
    expect(role({ SHM_LIVENESS_AUTO: 'children', SHM_LIVENESS_AUTO_PID: '6' }, script)).toBe('none')
  })

  it.each(['/app/npm-stats/server.js', '/app/server.js', '/npm/server.js', '/app/node_modules/next/dist/bin/next'])(
    'may be %s',
    (script) => expect(role({}, script)).toBe('program'),
  )

  it('is no script of an installation, but one that npm starts', () => {
    for (const script of ['preinstall', 'postinstall', 'prepare', 'prepublishOnly']) {
      expect(role({ npm_lifecycle_event: script })).toBe('none')
    }
    for (const script of ['start', 'npx', 'prestart', 'installer']) {
      expect(role({ npm_lifecycle_event: script })).toBe('program')
    }
  })
})

describe('settings', () => {
  it('have defaults', () => {
    expect(autoSettings({})).toEqual({
      name: 'event-loop',
      maxAgeMs: 10_000,
      threadMaxAgeMs: 8784 * 3_600_000,
      startBudgetMs: 60_000,
    })
  })

  it('come from the environment, and are checked', () => {
    const env = { SHM_LIVENESS_THREAD_MAX_AGE: '1m', SHM_LIVENESS_STARTUP_GRACE: '0', SHM_LIVENESS_MAX_AGE: '250ms' }
    expect(autoSettings(env)).toMatchObject({ maxAgeMs: 250, threadMaxAgeMs: 60_000, startBudgetMs: 0 })
    expect(() => autoSettings({ SHM_LIVENESS_MAX_AGE: '0' })).toThrow(/^SHM_LIVENESS_MAX_AGE: a duration such as/)
  })

  it('have loops beat a few times within max age, and no more than a thousand times a second', () => {
    expect([2, 250, 10_000].map(intervalFor)).toEqual([1, 62.5, 1_000])
  })
})

describe('the start of a loop', () => {
  /** When it is over, of a loop that turns each second but in the steps that are given. */
  const overMs = (maxAgeMs: number, steps: Record<number, number> = {}) => {
    const isOver = startWatch(maxAgeMs, 0)
    let nowMs = 0
    do nowMs += steps[nowMs] ?? 1_000
    while (!isOver(nowMs))
    return nowMs
  }

  it('is over when no turn was late for a whole max age, however short the interval is beside that', () => {
    expect([4_000, 10_000, 600_000].map((maxAgeMs) => overMs(maxAgeMs))).toEqual([4_000, 10_000, 600_000])
  })

  it('begins anew after each step that takes longer than two intervals', () => {
    expect(overMs(10_000, { 3000: 1_900, 8900: 1_500 })).toBe(10_400)
    expect(overMs(10_000, { 9000: 30_000 })).toBe(49_000)
    expect(overMs(10_000, { 9000: 2_000, 14000: 50_000 })).toBe(74_000)
  })
})

describe('what an earlier life has left', () => {
  const dead = (name: string) => ({ name, state: 'dead' as const, claimedAgoMs: 5_000 })
  const left = ['web-thread-0', 'web-thread-12', 'web-child-3', 'web-child-3-thread-0']

  it('is the dead threads and children of this name', () => {
    const others = [
      'web',
      'web2-thread-0',
      'web-thread-x',
      'web-thread-0-cache',
      'a-web-thread-0',
      'webhook',
      'grabber',
    ]
    expect(deadOfEarlierLives([...left, ...others].map(dead), 'web', 4_000)).toEqual(left)
    expect(deadOfEarlierLives(left.map(dead), 'web-child-3', 4_000)).toEqual(['web-child-3-thread-0'])
  })

  it('is neither what died in this life, nor what lives or has stopped', () => {
    expect(deadOfEarlierLives(left.map(dead), 'web', 6_000)).toEqual([])
    const states = ['running', 'starting', 'stalled', 'stopped', 'unusable', 'left-over'] as const
    const workers = states.map((state) => ({ ...dead(`web-thread-${states.indexOf(state)}`), state }))
    expect(deadOfEarlierLives(workers, 'web', 4_000)).toEqual(['web-thread-5'])
  })
})
