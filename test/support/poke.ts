import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { baseOf, golden } from './golden.js'
import { pathOf } from './region.js'

/** Where a field of the region is, in bytes; of slot or record `index`, if it is of one. */
export function offsetOf(struct: string, field: string, index = 0): number {
  const found = golden.fields.find((entry) => entry.struct === struct && entry.field === field)
  if (found === undefined) throw new Error(`no field ${struct}.${field}`)
  return baseOf(struct, index) + found.offset
}

const structsOfBank = new Set(['Hot', 'Labels', 'Identity'])

const bytesOfHeader = 256
const bytesOfSlot = 1024

/** Those of a record, and how many of them a claim has. */
const structsOfRecord: Record<string, number> = { RestartMark: 0, Where: 1, SlowPlace: 4 }

/** Where a field of slot 0 is, in the bank of its latest claim; of its record, which is behind all slots; of the header. */
function currentOffsetOf(fd: number, struct: string, field: string): number {
  const ofClaim = structsOfRecord[struct]
  if (ofClaim !== undefined) {
    const count = Buffer.alloc(4)
    readSync(fd, count, 0, 4, offsetOf('Header', 'slot_count'))
    const ofField = offsetOf(struct, field, currentBank(fd) * ofClaim) - baseOf('RestartMark', 0)
    return bytesOfHeader + count.readUInt32LE() * bytesOfSlot + ofField
  }
  return offsetOf(struct, field, structsOfBank.has(struct) ? currentBank(fd) : 0)
}

function currentBank(fd: number): number {
  const [first, second] = [0, 1].map((bank) => {
    const serial = Buffer.alloc(4)
    readSync(fd, serial, 0, 4, offsetOf('Hot', 'serial', bank))
    return serial.readUInt32LE()
  }) as [number, number]
  return second > first ? 1 : 0
}

/** Writes over a field of a region in use, of slot 0 or the header: a number as a 32-bit word, a bigint as a 64-bit one, bytes as they are. */
export function poke(region: string, struct: string, field: string, value: number | bigint | Buffer): void {
  let bytes = value as Buffer
  if (typeof value === 'number') {
    bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
  } else if (typeof value === 'bigint') {
    bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
  }
  const fd = openSync(pathOf(region), 'r+')
  writeSync(fd, bytes, 0, bytes.length, currentOffsetOf(fd, struct, field))
  closeSync(fd)
}

const timesOfSlot: [struct: string, field: string][] = [
  ['Hot', 'last_beat_ns'],
  ['Hot', 'renewed_ns'],
  ['Identity', 'claimed_ns'],
  ['Identity', 'claimed_boottime_ns'],
  ['Identity', 'grace_from_boottime_ns'],
  ['Identity', 'deadline_boottime_ns'],
  ['RestartMark', 'marked_boottime_ns'],
]

/**
 * Lets `seconds` pass for the worker in slot 0: all that it has done so far is that much older, so that a test need not
 * wait. The machine must be up for longer than that.
 */
export function letPass(region: string, seconds: number): void {
  const fd = openSync(pathOf(region), 'r+')
  for (const [struct, field] of timesOfSlot) {
    const bytes = Buffer.alloc(8)
    const offset = currentOffsetOf(fd, struct, field)
    readSync(fd, bytes, 0, 8, offset)
    const ns = bytes.readBigUInt64LE()
    if (ns === 0n) continue // not set
    bytes.writeBigUInt64LE(ns - BigInt(seconds) * 1_000_000_000n)
    writeSync(fd, bytes, 0, 8, offset)
  }
  closeSync(fd)
}
