import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const core = join(root, 'native/shm_liveness')

/** Each header may include only what stands before it. */
const order = [
  ...['sys', 'clock', 'text', 'layout', 'count', 'fault', 'name', 'duration', 'procfs', 'system_calls'],
  ...['kernel_place', 'lock', 'truncation'],
  ...['region', 'lock_group', 'create', 'container', 'slots', 'restart', 'claim', 'supervise', 'succession'],
  ...['carried_clock', 'cpu_counter', 'beat'],
  ...[
    'count_window',
    'fork_guard',
    'helper_thread',
    'sampler',
    'comeback',
    'heartbeat',
    'snapshot',
    'where',
    'frames',
    'record',
    'policy',
    'rhythm',
    'condition',
    'verdict',
  ],
  ...['observe', 'glance', 'sentence', 'json'],
]

const guard = join(root, 'probe/guard')
const guardOrder = [
  ...[
    'os',
    'outlet',
    'log',
    'loop',
    'starvation',
    'tree',
    'kin',
    'command',
    'signals',
    'init',
    'aging',
    'schedule',
    'whereabouts',
    'judged',
    'regions',
    'watch',
  ],
  ...['region_events', 'pace', 'stamp'],
  ...[
    'notification',
    'service',
    'notify_sender',
    'notify_taker',
    'notify_socket',
    'notify_command',
    'address',
    'options',
  ],
  ...[
    'output',
    'usage',
    'progress',
    'json_reader',
    'steps',
    'marks',
    'http',
    'pages',
    'metrics',
    'connection',
    'places',
    'listening',
    'server',
  ],
  ...['outcome', 'parts', 'prepare', 'report', 'strike', 'child', 'told', 'concern', 'reaction', 'guard'],
]

function includesOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#include "(?:.*\/)?([^"/]+)\.hpp"/gm)].map(
    (match) => match[1] as string,
  )
}

describe('the core', () => {
  it('has no header outside the order', () => {
    const headers = readdirSync(core).map((file) => file.replace('.hpp', ''))
    expect(headers.sort()).toEqual([...order].sort())
  })

  it.each(order)('%s.hpp includes only what stands before it', (header) => {
    const before = order.slice(0, order.indexOf(header))
    for (const included of includesOf(join(core, `${header}.hpp`))) expect(before).toContain(included)
  })

  it('includes no header of the addon or the programs', () => {
    for (const header of order) {
      expect(readFileSync(join(core, `${header}.hpp`), 'utf8')).not.toMatch(/#include "(\.\.|addon|probe)/)
    }
  })

  it('judges without an operating system: verdict.hpp and condition.hpp call nothing of sys and no clock', () => {
    for (const header of ['policy', 'condition', 'verdict']) {
      expect(readFileSync(join(core, `${header}.hpp`), 'utf8')).not.toMatch(
        /\bsys::|monotonic_ns\(|boottime_ns\(|now_ns\(/,
      )
    }
  })
})

describe('the guard', () => {
  it('has no header outside the order', () => {
    const headers = readdirSync(guard).map((file) => file.replace('.hpp', ''))
    expect(headers.sort()).toEqual([...guardOrder].sort())
  })

  it.each(guardOrder)('%s.hpp includes, of the guard, only what stands before it', (header) => {
    const before = guardOrder.slice(0, guardOrder.indexOf(header))
    const text = readFileSync(join(guard, `${header}.hpp`), 'utf8')
    for (const [, included] of text.matchAll(/^#include "([a-z_0-9]+)\.hpp"/gm)) expect(before).toContain(included)
  })

  it('decides without an operating system: what judges and parses calls nothing of it', () => {
    const pure = ['aging', 'starvation', 'schedule', 'reaction', 'notification', 'http', 'json_reader', 'steps']
    for (const header of pure) {
      expect(readFileSync(join(guard, `${header}.hpp`), 'utf8')).not.toMatch(
        /\b(sys|os)::|monotonic_ns\(|boottime_ns\(/,
      )
    }
  })
})
