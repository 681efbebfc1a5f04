/** The same looks for a pipe. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Streams } from '../session.js'
import { textOfBig } from '../workers/words.js'
import type { Look, Source } from './look.js'
import { type SortKey, sorted } from './order.js'
import { linesOf, plainText } from './view.js'

/** A look whose rates are known: the second one. */
export async function settled(source: Source, intervalMs: number): Promise<Look> {
  await source.look()
  await sleep(intervalMs)
  return source.look()
}

export function tableText({ placeHeading }: Source, { workers, unreadable }: Look, sort: SortKey): string {
  return plainText(linesOf(placeHeading, unreadable, sorted(workers, sort)))
}

/** One line. `place` has the name that the source's heading has. */
export function jsonText({ placeHeading }: Source, { workers, unreadable, leftOut }: Look, sort: SortKey): string {
  const key = placeHeading.toLowerCase()
  const look = {
    takenAt: new Date().toISOString(),
    workers: sorted(workers, sort).map(({ place, worker, beatsPerSecond }) => ({
      [key]: place,
      ...worker,
      beatsPerSecond,
    })),
    unreadable: unreadable.map(({ place, reason }) => ({ [key]: place, reason })),
    leftOut,
  }
  return `${JSON.stringify(look, textOfBig)}\n`
}

/** A line of JSON for each look, until the process ends. The first has no rates. @throws what a look throws */
export async function stream(source: Source, { stdout }: Streams, intervalMs: number, sort: SortKey): Promise<never> {
  for (;;) {
    const began = performance.now()
    stdout.write(jsonText(source, await source.look(), sort))
    await sleep(Math.max(0, intervalMs - (performance.now() - began)))
  }
}
