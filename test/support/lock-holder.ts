import { Program } from './program.js'
import { pathOf } from './region.js'

const script = new URL('../fixtures/holds-lock.py', import.meta.url).pathname

/** As in layout.hpp: the byte that claims are made under, and the two of a slot, one for each bank. */
export const claimByte = 2 ** 40
export const slotByte = (slot: number, bank: number) => claimByte + 1 + 2 * slot + bank

/** A stranger that holds a lock on a byte of a region; gone after the test, or by `kill()`. */
export async function holdLock(region: string, byte: number, kind: 'read' | 'write'): Promise<Program> {
  const holder = Program.run('python3', ['-S', script, pathOf(region), String(byte), kind])
  await holder.said('held')
  return holder
}
