import type { Session } from '../support/session.js'
import { ratioText, spreadOf, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

interface Start {
  ms: number
  refused: number
}

async function startAtOnce(session: Session, processes: number, spinners: number): Promise<Start> {
  const text = await session.runHelper('crowd', [session.newRegion(), processes, spinners])
  const [ns, refused] = text.trim().split(' ').map(Number) as [number, number]
  return { ms: ns / 1e6, refused }
}

/** Per process, by the same for the smallest crowd: 1 is a time that grows as the number does. */
async function rowsOf(session: Session, counts: readonly number[], spinners: number): Promise<Row[]> {
  const perProcess = new Map<number, number[]>(counts.map((count) => [count, []]))
  let refused = 0
  for (let repetition = 0; repetition < (session.quick ? 3 : 5); repetition++) {
    for (const count of counts) {
      const start = await startAtOnce(session, count, spinners)
      perProcess.get(count)?.push(start.ms / count)
      refused += start.refused
    }
  }
  const base = spreadOf(perProcess.get(counts[0] as number) ?? []).median
  const beside = spinners === 0 ? '' : ` beside ${spinners} busy loops`
  const rows = counts.map((count): Row => {
    const each = perProcess.get(count) ?? []
    const ratio = spreadOf(each.map((ms) => ms / base))
    return {
      what: `${count} claims at once${beside}, time of each`,
      measured: ratioText(ratio.median),
      spread: spreadText(ratio),
      figures: `${(spreadOf(each).median * count).toFixed(0)} ms for all`,
    }
  })
  const bar = atMost(0, refused)
  return [...rows, { what: `  refused of them${beside}`, measured: String(refused), bar }]
}

export async function crowd(session: Session): Promise<Row[]> {
  const counts = [64, 256, 1024]
  return [...(await rowsOf(session, counts, 0)), ...(await rowsOf(session, counts, 4))]
}

/** By name only: four thousand processes take a machine for themselves. */
export function crowd4096(session: Session): Promise<Row[]> {
  return rowsOf(session, [64, 4096], 0)
}
