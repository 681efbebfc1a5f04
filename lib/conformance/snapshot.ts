import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { type Expectation, meets, sayExpected, sayValue, type Value } from './expectation.js'
import { type BankPlace, fieldOf, isText, locate, sizes } from './layout.js'

/** Expected values, by the layout's names: `Hot.beats`, `Life.cycles[5]`. */
export type Fields = Record<string, Expectation>

/** A copy of a whole region. */
export class Snapshot {
  readonly slots: number

  private constructor(readonly bytes: Buffer) {
    this.slots = bytes.readUInt32LE(fieldOf('Header.slot_count').offset)
  }

  /** @throws an error of the system if there is no region */
  static of(path: string): Snapshot {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const bytes = Buffer.alloc(fstatSync(fd).size)
      readSync(fd, bytes, 0, bytes.length, 0)
      return new Snapshot(bytes)
    } finally {
      closeSync(fd)
    }
  }

  value(key: string, place: BankPlace = { slot: 0, bank: 0 }): Value {
    const { name, offset, bytes } = locate(key, this.slots, place)
    if (isText(name)) {
      const field = this.bytes.subarray(offset, offset + bytes)
      const end = field.indexOf(0)
      // What stands behind the first NUL belongs to the value: it must be NUL, too.
      const isFilledUp = end >= 0 && field.subarray(end).every((byte) => byte === 0)
      return field.toString('utf8', 0, isFilledUp ? end : bytes)
    }
    return bytes === 4 ? BigInt(this.bytes.readUInt32LE(offset)) : this.bytes.readBigUInt64LE(offset)
  }

  word(key: string, place?: BankPlace): bigint {
    return this.value(key, place) as bigint
  }

  /** The bank of the slot's latest claim. */
  current(slot: number): BankPlace {
    const serial = (bank: number): bigint => this.word('Hot.serial', { slot, bank })
    return { slot, bank: serial(1) > serial(0) ? 1 : 0 }
  }

  /** In which slot the latest claim has this name; -1: in none. */
  slotOf(name: string): number {
    return Array.from({ length: this.slots }, (_, slot) => slot).findIndex((slot) => {
      const place = this.current(slot)
      return this.word('Hot.serial', place) > 0n && this.value('Identity.name', place) === name
    })
  }
}

/** Writes one field over, as a damaged region or another program would. */
export function overwrite(path: string, key: string, value: bigint, place: BankPlace): void {
  const { offset, bytes } = locate(key, Snapshot.of(path).slots, place)
  const word = Buffer.alloc(8)
  word.writeBigUInt64LE(value)
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
  writeSync(fd, word, 0, bytes, offset)
  closeSync(fd)
}

/** One place where a region is not as it must be. */
export type Difference = string

/** Compares the named fields with what is expected, and all other bytes with those of `before`. */
export function differences(before: Snapshot, after: Snapshot, expected: Map<BankPlace, Fields>): Difference[] {
  const found: Difference[] = []
  const isNamed = new Uint8Array(after.bytes.length)
  for (const [place, fields] of expected) {
    for (const [key, expectation] of Object.entries(fields)) {
      const { offset, bytes } = locate(key, after.slots, place)
      isNamed.fill(1, offset, offset + bytes)
      const value = after.value(key, place)
      if (!meets(value, expectation)) {
        found.push(`${sayPlace(key, place)} is ${sayValue(value)}, expected ${sayExpected(expectation)}`)
      }
    }
  }
  return [...found, ...strayWords(before, after, isNamed)]
}

/** Words that changed although nothing was said of them. */
function strayWords(before: Snapshot, after: Snapshot, isNamed: Uint8Array): Difference[] {
  if (before.bytes.length !== after.bytes.length) {
    return [`the file has ${after.bytes.length} bytes, before it had ${before.bytes.length}`]
  }
  const strays: Difference[] = []
  for (let at = 0; at < after.bytes.length && strays.length < mostStrays; at += 4) {
    const was = before.bytes.readUInt32LE(at)
    const is = after.bytes.readUInt32LE(at)
    if (was === is || isNamed[at] === 1) continue
    strays.push(`byte ${at} (${nameOf(at, after.slots)}) changed: the word was ${was}, is ${is}, expected no change`)
  }
  return strays
}

const mostStrays = 8

const sayPlace = (key: string, { slot, bank }: BankPlace): string =>
  key.startsWith('Header.') ? key : `${key} (slot ${slot}, bank ${bank})`

/** What lies at an offset, in words. */
function nameOf(at: number, slots: number): string {
  const records = 256 + slots * sizes.slot()
  if (at < 256) return 'Header'
  if (at < records) {
    const inSlot = (at - 256) % sizes.slot()
    const part = inSlot % sizes.bank()
    const struct =
      part < fieldOf('Bank.labels').offset ? 'Hot' : part < fieldOf('Bank.identity').offset ? 'Labels' : 'Identity'
    return `slot ${Math.floor((at - 256) / sizes.slot())}, bank ${Math.floor(inSlot / sizes.bank())}, ${struct}`
  }
  const slot = Math.floor((at - records) / sizes.record())
  const inRecord = (at - records) % sizes.record()
  const lives = fieldOf('Record.lives').offset
  if (slot >= slots) return 'behind the last record'
  return inRecord < lives
    ? `slot ${slot}, RestartMark`
    : `slot ${slot}, Life ${Math.floor((inRecord - lives) / sizes.life())} + ${(inRecord - lives) % sizes.life()}`
}
