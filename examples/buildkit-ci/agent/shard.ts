import { createHash } from 'node:crypto'

/**
 * The daemon of a repository, so that its builds find their cache: the address with the highest hash of both ("highest
 * random weight"). A daemon that is added or removed moves only the repositories that it gets or had.
 */
export function shardOf(repository: string, addresses: readonly [string, ...string[]]): string {
  const [first, ...others] = addresses
  let best = { address: first, weight: weightOf(repository, first) }
  for (const address of others) {
    const weight = weightOf(repository, address)
    if (weight > best.weight) best = { address, weight }
  }
  return best.address
}

function weightOf(repository: string, address: string): bigint {
  const hash = createHash('sha256').update(`${repository}\n${address}`).digest()
  return hash.readBigUInt64BE()
}
