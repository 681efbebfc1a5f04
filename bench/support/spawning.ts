import type { Session } from './session.js'
import type { Spread } from './statistics.js'

export interface Contender {
  us: number
  /** By the first contender of the same round. */
  ratio: Spread
}

/** Spawns the commands in turns. The first is the base, with a ratio of 1. */
export async function compareSpawns(
  session: Session,
  rounds: number,
  commands: readonly (readonly string[])[],
): Promise<Contender[]> {
  const args = commands.flatMap((command) => ['--', ...command])
  const text = await session.runHelper('spawn_compare', [rounds, ...args])
  const answers = JSON.parse(text) as { us: number; ratio: number; low: number; high: number }[]
  return answers.map(({ us, ratio, low, high }) => ({ us, ratio: { median: ratio, low, high } }))
}
