import { native } from '../internal/native.js'

/** A leaf of the layout: where it is in its struct, and what it holds. */
interface Field {
  offset: number
  bytes: number
}

interface Layout {
  version: number
  signature: bigint
  /** By `Struct.field`. */
  fields: Map<string, Field>
}

let known: Layout | undefined

/** The core's own table of offsets (layout.hpp), so that it exists once. */
export function layout(): Layout {
  if (known !== undefined) return known
  const { version, signature, fields } = native().layout()
  known = { version, signature, fields: new Map(fields.map((row) => [`${row.struct}.${row.field}`, row])) }
  return known
}

export function fieldOf(name: string): Field {
  const found = layout().fields.get(name)
  if (found === undefined) throw new Error(`the layout has no field ${name}`)
  return found
}

const endOf = (name: string): number => fieldOf(name).offset + fieldOf(name).bytes

export const headerBytes = 256
export const sizes = {
  slot: () => endOf('Slot.banks'),
  bank: () => endOf('Bank.identity'),
  record: () => endOf('Record.lives'),
  life: () => endOf('Life.slow_places'),
  slowPlace: () => endOf('SlowPlace.text'),
}
export const regionBytes = (slots: number): number =>
  Math.ceil((headerBytes + slots * (sizes.slot() + sizes.record())) / 4096) * 4096

export interface BankPlace {
  slot: number
  bank: number
}

const textFields = new Set(['Labels.phase', 'Labels.status', 'Identity.name', 'Where.frames', 'SlowPlace.text'])
export const isText = (field: string): boolean => textFields.has(field)

/** Of the struct that begins a key such as `Hot.beats`, `SlowPlace[2].count` or `Life.cycles[5]`. */
function baseOf(struct: string, index: number, slots: number, { slot, bank }: BankPlace): number {
  if (struct === 'Header') return 0
  const bankAt = headerBytes + slot * sizes.slot() + bank * sizes.bank()
  const recordAt = headerBytes + slots * sizes.slot() + slot * sizes.record()
  const lifeAt = recordAt + fieldOf('Record.lives').offset + bank * sizes.life()
  const bases: Record<string, number> = {
    Hot: bankAt + fieldOf('Bank.hot').offset,
    Labels: bankAt + fieldOf('Bank.labels').offset,
    Identity: bankAt + fieldOf('Bank.identity').offset,
    RestartMark: recordAt + fieldOf('Record.mark').offset,
    Life: lifeAt,
    Where: lifeAt + fieldOf('Life.where').offset,
    SlowPlace: lifeAt + fieldOf('Life.slow_places').offset + index * sizes.slowPlace(),
  }
  const base = bases[struct]
  if (base === undefined) throw new Error(`the layout has no struct ${struct}`)
  return base
}

/** Where in the region a key leads, for a bank: `Hot.beats`, `SlowPlace[2].count`, `Life.cycles[5]`, `Header.nonce`. */
export function locate(key: string, slots: number, place: BankPlace): Field & { name: string } {
  const match = /^(\w+?)(?:\[(\d+)\])?\.(\w+?)(?:\[(\d+)\])?$/.exec(key)
  if (match === null) throw new Error(`no key of the layout: ${key}`)
  const [, struct = '', index = '0', field = '', word] = match
  const name = `${struct}.${field}`
  const { offset, bytes } = fieldOf(name)
  const at = baseOf(struct, Number(index), slots, place) + offset
  return word === undefined ? { name, offset: at, bytes } : { name, offset: at + 8 * Number(word), bytes: 8 }
}

/** Fields that hold words and texts, not further structs. */
export function leavesOf(struct: string): string[] {
  return [...layout().fields.keys()].filter((name) => name.startsWith(`${struct}.`))
}
