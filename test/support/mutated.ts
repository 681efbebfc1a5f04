/** A row of numbers from 0 to 1 that is the same in every run, so that a failure can be had again. */
export function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A copy in which `count` bytes differ, half of the time in the header and the first slot. */
export function mutated(good: Buffer, random: () => number, count: number): Buffer {
  const bytes = Buffer.from(good)
  const end = random() < 0.5 ? 768 : bytes.length
  for (let i = 0; i < count; i++) bytes[Math.floor(random() * end)] = Math.floor(random() * 256)
  return bytes
}
