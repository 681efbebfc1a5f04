import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { native } from '../../lib/internal/native.js'
import { baseOf, type Field, golden, goldenBytes } from '../support/golden.js'
import { pathOf, uniqueRegion } from '../support/region.js'

const view = new DataView(goldenBytes.buffer, goldenBytes.byteOffset, goldenBytes.byteLength)
const instances = Object.entries(golden.values).flatMap(([struct, all]) =>
  all.map((values, index) => ({ struct, index, values })),
)

function textAt(at: number, bytes: number): string {
  const field = new Uint8Array(goldenBytes.buffer, goldenBytes.byteOffset + at, bytes)
  expect(field.at(-1)).toBe(0)
  const end = field.indexOf(0)
  expect([...field.slice(end)]).toEqual(Array(bytes - end).fill(0))
  return new TextDecoder('utf-8', { fatal: true }).decode(field.slice(0, end))
}

function valueAt(base: number, { offset, bytes, kind }: Field): number | string | string[] {
  const at = base + offset
  if (kind === 'u32') return view.getUint32(at, true)
  if (kind === 'text') return textAt(at, bytes)
  if (bytes === 8) return String(view.getBigUint64(at, true))
  return Array.from({ length: bytes / 8 }, (_, i) => String(view.getBigUint64(at + 8 * i, true)))
}

/** The fields that hold values, not further structs. */
const fields = golden.fields.filter(({ kind }) => kind !== 'struct')
const fieldsOf = (struct: string) => fields.filter((field) => field.struct === struct)

describe('the golden region', () => {
  it('has the size that its header and the JSON say', () => {
    expect(goldenBytes.length).toBe(golden.region_bytes)
    expect(view.getBigUint64(32, true)).toBe(BigInt(golden.region_bytes))
    expect(goldenBytes.subarray(0, 8).toString('latin1')).toBe('SHMLIVE\0')
  })

  it.each(instances)('has the values of $struct $index where a DataView finds them', ({ struct, index, values }) => {
    const base = baseOf(struct, index)
    const read = Object.fromEntries(fieldsOf(struct).map((field) => [field.field, valueAt(base, field)]))
    expect(read).toEqual(values)
  })

  it('has a value of its own in each field, so that no two can be mistaken for each other', () => {
    for (const { struct, values } of instances) {
      const telling = Object.values(values).filter((value) => typeof value === 'string' && value.length > 3)
      expect(new Set(telling).size, struct).toBe(telling.length)
    }
  })

  it('has zeroes wherever no field is', () => {
    const named = new Uint8Array(goldenBytes.length)
    for (const { struct, index } of instances) {
      for (const { offset, bytes } of fieldsOf(struct)) {
        const at = baseOf(struct, index) + offset
        named.fill(1, at, at + bytes)
      }
    }
    const strays = [...goldenBytes.keys()].filter((at) => named[at] === 0 && goldenBytes[at] !== 0)
    expect(strays).toEqual([])
  })

  it('is what the addon reads in it', () => {
    const region = uniqueRegion()
    writeFileSync(pathOf(region), goldenBytes, { mode: 0o600 })
    const value = (struct: string, i: number, field: string) => golden.values[struct]![i]![field] as string
    // The bank with the higher serial is the slot's claim, and the other one what was there before.
    const serial = (bank: number) => Number(value('Hot', bank, 'serial'))
    const workers = Region.open(region).workers()
    expect(workers).toHaveLength(2)
    for (const [slot, worker] of workers.entries()) {
      const i = serial(2 * slot) > serial(2 * slot + 1) ? 2 * slot : 2 * slot + 1
      const before = i ^ 1
      expect(worker).toMatchObject({
        name: value('Identity', i, 'name'),
        slot,
        incarnation: BigInt(value('Identity', i, 'incarnation')),
        claims: serial(i),
        restarts: value('RestartMark', slot, 'restarts'),
        pid: value('Identity', i, 'pid'),
        tid: value('Identity', i, 'tid'),
        clock: Number(value('Identity', i, 'clock')) === 6 ? 'coarse' : 'precise',
        ready: Number(value('Hot', i, 'ready')) === 1,
        phase: Number(value('Hot', i, 'in_phase')) === 1 ? value('Labels', i, 'phase') : null,
        status: Number(value('Hot', i, 'ready')) === 1 ? null : value('Labels', i, 'status'),
        beats: Number(value('Hot', i, 'beats')),
        limitMs: Number(value('Hot', i, 'stall_limit_ns')) / 1e6,
        maxAgeMs: Number(value('Identity', i, 'max_age_ns')) / 1e6,
        worstCycleMs: Number(value('Hot', i, 'worst_cycle_ns')) / 1e6,
        cycleLimitMs: Number(value('Identity', i, 'cycle_limit_ns')) / 1e6,
        lateCycles: Number(value('Hot', i, 'late_cycles')),
        histogram: [...value('Life', i, 'cycles')].map(Number),
        lastWords: {
          ended: ['none', 'stopped', 'died', 'left-over'][Number(value('Identity', i, 'predecessor_ended'))],
          name: value('Identity', before, 'name'),
          pid: value('Identity', before, 'pid'),
          incarnation: BigInt(value('Identity', before, 'incarnation')),
          beats: Number(value('Hot', before, 'beats')),
          worstCycleMs: Number(value('Hot', before, 'worst_cycle_ns')) / 1e6,
          lateCycles: Number(value('Hot', before, 'late_cycles')),
          limitMs: Number(value('Hot', before, 'stall_limit_ns')) / 1e6,
          phase: Number(value('Hot', before, 'in_phase')) === 1 ? value('Labels', before, 'phase') : null,
        },
      })
    }
  })
})

const rowOf = ({ struct, field, offset, bytes }: Omit<Field, 'kind'>) => `${struct}.${field} ${offset} ${bytes}`

describe('the layout', () => {
  const layout = native().layout()

  it('of the core is that of the golden region', () => {
    expect(layout.version).toBe(golden.layout)
    expect(String(layout.signature)).toBe(golden.signature)
    expect(layout.fields.map(rowOf).sort()).toEqual(golden.fields.map(rowOf).sort())
  })

  it('of docs/layout.md is that of the golden region, table by table', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/layout.md'), 'utf8')
    const documented: string[] = []
    let struct = ''
    for (const line of text.split('\n')) {
      const heading = /^## (\w+)/.exec(line)
      if (heading) struct = heading[1] as string
      const row = /^\| (\d+) \| (\d+) \| `(\w+)` \|/.exec(line)
      if (row) documented.push(rowOf({ struct, field: row[3]!, offset: Number(row[1]), bytes: Number(row[2]) }))
    }
    const rows = fields.filter(({ field }) => field !== 'cycles').map(rowOf)
    expect(documented.sort()).toEqual(rows.sort())
    for (const { struct: name, base, bytes, in: outer } of golden.structs) {
      if (outer !== 'region') expect(text).toContain(`## ${name} (${outer} + ${base}, ${bytes} bytes)`)
    }
    expect(text).toContain('`cycles` (64 counters of 8 bytes, at offset 0)')
  })
})
