import { chmodSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { Heartbeat, LivenessError, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { livenessErrorCodes, loadErrorCodes, LivenessError as SourceError } from '../../lib/errors.js'
import { native } from '../../lib/internal/native.js'
import { pathOf, uniqueRegion } from '../support/region.js'

function thrownBy(call: () => unknown): LivenessError {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(LivenessError)
    return error as LivenessError
  }
  throw new Error('nothing was thrown')
}

describe('the error codes', () => {
  it('are those of the core and of loading it', () => {
    expect([...livenessErrorCodes].sort()).toEqual([...native().faultCodes(), ...loadErrorCodes].sort())
  })

  it('are each there once', () => {
    expect(new Set(livenessErrorCodes).size).toBe(livenessErrorCodes.length)
  })

  it('come on an Error with a name, a cause and a stack that leads to the caller', () => {
    const error = thrownBy(() => Region.open('no-such-region'))
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'LivenessError', code: 'REGION_MISSING' })
    expect(error.cause).toMatchObject({ code: 'REGION_MISSING' })
    expect(error.stack).toContain('errors.test')
    expect(new SourceError('SYSTEM', 'text')).toMatchObject({ name: 'LivenessError', code: 'SYSTEM', message: 'text' })
  })
})

const good = { name: 'grabber', maxAge: '1s' }
const claim = (options: object) => () => Heartbeat.claim({ region: uniqueRegion(), ...good, ...options } as never)

describe('an invalid option of Heartbeat.claim', () => {
  it.each<[string, () => unknown, string]>([
    ['no options', () => Heartbeat.claim(undefined as never), 'options: an object, got undefined'],
    ['null for options', () => Heartbeat.claim(null as never), 'options: an object, got null'],
    ['a text for options', () => Heartbeat.claim('grabber' as never), 'options: an object, got "grabber"'],
    ['no name', claim({ name: undefined }), 'name: a name, got undefined'],
    ['a number for a name', claim({ name: 5 }), 'name: a name, got 5'],
    ['no max age', claim({ maxAge: undefined }), "maxAge: a duration above 0 in milliseconds or like '250ms'"],
    ['max age 0', claim({ maxAge: 0 }), 'got 0'],
    ['max age without a unit', claim({ maxAge: '250' }), 'got "250"'],
    ['max age of years', claim({ maxAge: '20000h' }), 'at most 8784h, got "20000h"'],
    ['a negative max age', claim({ maxAge: -5 }), 'got -5'],
    ['cycle limit 0', claim({ cycleLimit: 0 }), 'cycleLimit: a duration above 0'],
    ['a bad cycle limit', claim({ cycleLimit: 'soon' }), 'cycleLimit: a duration above 0'],
    ['an unknown clock', claim({ clock: 'wall' }), 'clock: precise, coarse or counted, got "wall"'],
    ['a max age that samples cannot follow', claim({ clock: 'counted', maxAge: '9ms' }), 'at least 10ms'],
    ['capacity 0', claim({ capacity: 0 }), 'capacity: a whole number from 1 to 4096, got 0'],
    ['capacity 4097', claim({ capacity: 4097 }), 'capacity: a whole number from 1 to 4096, got 4097'],
    ['half a capacity', claim({ capacity: 1.5 }), 'capacity: a whole number from 1 to 4096, got 1.5'],
    ['a text for a capacity', claim({ capacity: '64' }), 'capacity: a whole number from 1 to 4096, got "64"'],
    ['an unknown share', claim({ share: 'all' }), 'share: private, group-read, group-claim, got "all"'],
    ['an inherited share', claim({ share: 'toString' }), 'share: private, group-read, group-claim, got "toString"'],
    ['a number for a region', claim({ region: 7 }), 'region: a name, got 7'],
    ['null for a region', claim({ region: null }), 'region: a name, got null'],
    ['an empty dir', claim({ dir: '' }), 'dir: a directory, got ""'],
    ['a number for a dir', claim({ dir: 1 }), 'dir: a directory, got 1'],
    ['a text for allowDisk', claim({ allowDisk: 'yes' }), 'allowDisk: true or false, got "yes"'],
    ['a symbol for a name', claim({ name: Symbol('odd') }), 'name: a name, got Symbol(odd)'],
    ['an object without a text', claim({ name: Object.create(null) }), 'name: a name, got'],
  ])('%s', (_what, call, message) => {
    const error = thrownBy(call)
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message.replaceAll("'", '"')).toContain(message.replaceAll("'", '"'))
    expect(error.message.length).toBeLessThan(250)
  })

  it('that is long is not shown in full', () => {
    expect(thrownBy(claim({ clock: 'x'.repeat(10_000) })).message.length).toBeLessThan(200)
  })

  it('leaves no region behind', () => {
    const region = uniqueRegion()
    expect(() => claim({ region, capacity: 0 })()).toThrow()
    expect(() => Region.open(region)).toThrow(expect.objectContaining({ code: 'REGION_MISSING' }))
  })
})

describe('an invalid option of a heartbeat', () => {
  it.each<[string, (heartbeat: Heartbeat) => unknown, string, string]>([
    ['a phase without a name', (h) => h.phase(undefined as never, { budget: 1 }), 'INVALID_OPTION', 'phase: a name'],
    ['a phase without a budget', (h) => h.phase('load', {} as never), 'INVALID_OPTION', 'budget: a duration above 0'],
    ['a phase without options', (h) => h.phase('load', undefined as never), 'INVALID_OPTION', 'budget'],
    ['budget 0', (h) => h.phase('load', { budget: 0 }), 'INVALID_OPTION', 'budget: a duration above 0'],
    ['an empty phase', (h) => h.phase('', { budget: 1 }), 'INVALID_TEXT', 'a phase has 1 to 63 bytes'],
    ['a phase of 64 bytes', (h) => h.phase('x'.repeat(64), { budget: 1 }), 'INVALID_TEXT', '63 bytes'],
    ['a phase of 32 umlauts', (h) => h.phase('ü'.repeat(32), { budget: 1 }), 'INVALID_TEXT', '63 bytes'],
    ['a phase of two lines', (h) => h.phase('a\nb', { budget: 1 }), 'INVALID_TEXT', 'no control bytes'],
    ['a phase with NUL', (h) => h.phase('a\0b', { budget: 1 }), 'INVALID_TEXT', 'no control bytes'],
    ['a number for a status', (h) => h.notReady(5 as never), 'INVALID_OPTION', 'status: a text, got 5'],
    ['a status of 56 bytes', (h) => h.notReady('x'.repeat(56)), 'INVALID_TEXT', '55'],
    ['a status with an escape', (h) => h.notReady('\x1b[31m'), 'INVALID_TEXT', 'no control bytes'],
  ])('%s', (_what, call, code, message) => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), ...good })
    const error = thrownBy(() => call(heartbeat))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
    expect(heartbeat.beat()).toBe(true)
    expect(Region.open(heartbeat.region).workers()[0]).toMatchObject({ phase: null, ready: false })
  })

  it('of the longest texts that fit is none', () => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), ...good })
    heartbeat.notReady('y'.repeat(55))
    heartbeat.phase('x'.repeat(63), { budget: '366h' })
    expect(Region.open(heartbeat.region).workers()[0]).toMatchObject({ phase: 'x'.repeat(63), status: 'y'.repeat(55) })
  })
})

describe('an invalid option of a region', () => {
  it.each<[string, (region: Region) => unknown, string]>([
    ['an unknown check', (r) => r.verdict({ check: 'health' as never }), 'check: liveness, readiness, startup'],
    ['a text for expect', (r) => r.verdict({ expect: 'a,b' as never }), 'expect: a list of names'],
    ['a name with a comma', (r) => r.verdict({ expect: ['a,b'] }), 'expect: names of 1 to 63'],
    [
      '65 expected names',
      (r) => r.verdict({ expect: Array.from({ length: 65 }, (_, i) => `w${i}`) }),
      'expect: at most 64',
    ],
    ['a negative min', (r) => r.verdict({ min: -1 }), 'min: a whole number up to 4096, got -1'],
    ['min 4097', (r) => r.verdict({ min: 4097 }), 'min: a whole number up to 4096, got 4097'],
    ['half a min', (r) => r.verdict({ min: 0.5 }), 'min: a whole number up to 4096, got 0.5'],
    ['max age 0', (r) => r.verdict({ maxAge: 0 }), 'maxAge: a duration above 0'],
    ['a bad startup grace', (r) => r.verdict({ startupGrace: '1d' }), 'startupGrace: a duration in'],
    ['a bad dead grace', (r) => r.verdict({ deadGrace: -1 }), 'deadGrace: a duration in'],
    ['a bad cycle window', (r) => r.verdict({ cycleWindow: '' }), 'cycleWindow: a duration in'],
    ['a bad confirm', (r) => r.verdict({ confirm: Number.NaN }), 'confirm: a duration in'],
    ['an empty name to expect', (r) => r.verdict({ expect: [''] }), 'expect: names of 1 to 63'],
    ['no timeout', (r) => r.verdict({ timeout: 0 }), 'timeout: a duration above 0'],
    ['no name to mark', (r) => r.markRestart(undefined as never), 'worker: a name, got undefined'],
    ['no name to retire', (r) => r.retire(undefined as never), 'worker: a name, got undefined'],
    ['a bad budget', (r) => r.markRestart('a', { budget: '9999h9' }), 'budget: a duration in'],
  ])('%s', (_what, call, message) => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), ...good })
    const error = thrownBy(() => call(Region.open(heartbeat.region)))
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toContain(message)
  })

  it.each<[string, () => unknown]>([
    ['a number for a name', () => Region.open(5 as never)],
    ['a number for a dir', () => Region.open('x', { dir: 5 as never })],
    ['a text for allowDisk', () => Region.open('x', { allowDisk: 'yes' as never })],
  ])('%s', (_what, call) => {
    expect(thrownBy(call).code).toBe('INVALID_OPTION')
  })
})

describe('a name that is none', () => {
  const names = ['', '.', '..', '.hidden', 'a/b', '../etc/passwd', 'a\0b', 'ümlaut', 'x'.repeat(64), 'a b', 'a\n', '😀']
  it.each(names)('%j is refused for a worker, a region and a retirement, with what a name is', (name) => {
    const region = uniqueRegion()
    for (const call of [
      claim({ region, name }),
      claim({ region: name }),
      () => Region.open(name),
      () => {
        using heartbeat = Heartbeat.claim({ region, ...good })
        Region.open(heartbeat.region).retire(name)
      },
    ]) {
      const error = thrownBy(call)
      expect(error.code).toBe('INVALID_NAME')
      expect(error.message).toContain('1 to 63 of A-Z a-z 0-9 . _ -')
    }
  })

  it.each(['a', '-', '_', 'A-Z.0_9', 'x'.repeat(63)])('%j is one', (name) => {
    using heartbeat = Heartbeat.claim({ region: uniqueRegion(), ...good, name })
    expect(Region.open(heartbeat.region).workers()[0]!.name).toBe(name)
  })
})

describe('a region that is none', () => {
  it.each<[string, (path: string) => void, string]>([
    ['a directory', (path) => mkdirSync(path), 'REGION_NOT_A_FILE'],
    ['a link', (path) => symlinkSync('/dev/shm', path), 'REGION_NOT_A_FILE'],
    ['empty', (path) => writeFileSync(path, ''), 'REGION_SIZE'],
    ['random', (path) => writeFileSync(path, Buffer.alloc(8192, 7), { mode: 0o600 }), 'REGION_MAGIC'],
    [
      'writable for everybody',
      (path) => {
        writeFileSync(path, '')
        chmodSync(path, 0o666)
      },
      'REGION_MODE',
    ],
  ])('%s is refused to readers with a code', (_what, make, code) => {
    const region = uniqueRegion()
    make(pathOf(region))
    expect(thrownBy(() => Region.open(region)).code).toBe(code)
    rmSync(pathOf(region), { recursive: true })
  })

  it('cut short under its worker makes its reader throw, until the worker has claimed it anew', () => {
    const region = uniqueRegion()
    const heartbeat = Heartbeat.claim({ region, ...good })
    const reader = Region.open(region)
    truncateSync(pathOf(region), 0)
    expect(['REGION_SIZE', 'REGION_TRUNCATED']).toContain(thrownBy(() => reader.workers()).code)
    heartbeat.ready()
    expect([heartbeat.beat(), heartbeat.claimed, heartbeat.comebacks]).toEqual([true, true, 1])
    expect(reader.workers()).toMatchObject([{ state: 'running', ready: true }])
    heartbeat.stop()
  })
})
