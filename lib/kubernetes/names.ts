/** Names of regions and workers, and how many, as the programs take them. */

export const nameRule = '1 to 63 of A-Z a-z 0-9 . _ - without a leading dot'

/** Of a region or a worker, as `native/shm_liveness/name.hpp` has it. */
export function isName(name: unknown): boolean {
  return typeof name === 'string' && /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$/.test(name)
}

export const [mostExpected, mostWorkers] = [64, 4096]
