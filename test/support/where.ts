import { readFileSync } from 'node:fs'
import { pathOf } from './region.js'

/** What a slot says of where its worker's code was: the bytes of docs/layout.md. */
export interface WhereSeen {
  /** 0 nothing, 1 JavaScript, 2 native or kernel, 3 promise loop, 4 native below JavaScript */
  kind: number
  takenNs: bigint
  silentMs: number
  frames: string[]
  slow: { count: number; text: string }[]
}

/** By the worker's name; a region that is not there yet is empty. */
export function whereOf(region: string): Record<string, WhereSeen> {
  let bytes: Buffer
  try {
    bytes = readFileSync(pathOf(region))
  } catch {
    return {}
  }
  const slots = bytes.readUInt32LE(28)
  const text = (at: number, most: number) => {
    const field = bytes.subarray(at, at + most)
    return field.subarray(0, field.indexOf(0)).toString()
  }
  const seen: Record<string, WhereSeen> = {}
  for (let slot = 0; slot < bytes.readUInt32LE(56); slot++) {
    const banks = 256 + 1024 * slot
    const serial = (bank: number) => bytes.readUInt32LE(banks + 512 * bank + 68)
    const bank = serial(1) > serial(0) ? 1 : 0
    if (serial(bank) === 0) continue
    const life = 256 + 1024 * slots + 3072 * slot + 128 + 1472 * bank
    const where = life + 512
    seen[text(banks + 512 * bank + 256 + 16, 64)] = {
      kind: bytes.readUInt32LE(where + 4),
      takenNs: bytes.readBigUInt64LE(where + 8),
      silentMs: Number(bytes.readBigUInt64LE(where + 16)) / 1e6,
      frames: text(where + 32, 608)
        .split('\n')
        .filter(Boolean),
      slow: [0, 1, 2, 3]
        .map((i) => life + 1152 + 80 * i)
        .map((place) => ({ count: bytes.readUInt32LE(place + 4), text: text(place + 8, 72) }))
        .filter(({ count }) => count > 0),
    }
  }
  return seen
}
