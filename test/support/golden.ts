import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const vectors = join(import.meta.dirname, '../vectors')

export interface Field {
  struct: string
  field: string
  offset: number
  bytes: number
  /** A u64 of more than 8 bytes is a row of them. */
  kind: 'u32' | 'u64' | 'text' | 'struct'
}

interface Struct {
  struct: string
  in: string
  base: number
  bytes: number
  /** How many of them lie side by side there. */
  each: number
}

/** test/vectors/region-v2.json, which test/cpp/write_golden.cc writes: where each field of region-v2.hex is. */
export interface Golden {
  layout: number
  signature: string
  slots: number
  region_bytes: number
  structs: Struct[]
  fields: Field[]
  /** For each struct, the values of each of its instances. 64-bit values are strings. */
  values: Record<string, Record<string, number | string | string[]>[]>
}

export const golden = JSON.parse(readFileSync(join(vectors, 'region-v2.json'), 'utf8')) as Golden

/** The golden region's bytes. */
export const goldenBytes = Buffer.from(
  readFileSync(join(vectors, 'region-v2.hex'), 'latin1').replace(/\s+/g, ''),
  'hex',
)

/** Where instance `index` of a struct begins in the region. Instances are counted through all that they lie in. */
export function baseOf(name: string, index: number): number {
  const found = golden.structs.find(({ struct }) => struct === name)
  if (found === undefined) throw new Error(`no struct ${name}`)
  const outer = found.in === 'region' ? 0 : baseOf(found.in, Math.floor(index / found.each))
  return outer + found.base + (index % found.each) * found.bytes
}
