import { probePath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { compareSpawns } from '../support/spawning.js'
import { ratioText, spreadOf, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

interface Sample {
  ratio: number
  us: number
  oneUs: number
}

/** Both regions are made anew for each sample: where the kernel puts its lock objects makes a difference of its own. */
function sample(session: Session, workers: number, rounds: number): Promise<Sample> {
  const probe = (region: string) => [probePath(), '--region', region]
  return session.withWorkers(1, (one) =>
    session.withWorkers(workers, async (many) => {
      const [base, answer] = await compareSpawns(session, rounds, [probe(one), probe(many)])
      if (base === undefined || answer === undefined) throw new Error('no answer')
      return { ratio: answer.ratio.median, us: answer.us, oneUs: base.us }
    }),
  )
}

export async function workers(session: Session): Promise<Row[]> {
  const counts = [3, 256, 1024]
  const bars = new Map([
    [256, 2.5],
    [1024, 12],
  ])
  const samples = new Map<number, Sample[]>(counts.map((count) => [count, []]))
  for (let repetition = 0; repetition < (session.quick ? 3 : 9); repetition++) {
    for (const count of counts) {
      samples.get(count)?.push(await sample(session, count, count === 1024 ? 100 : 300))
    }
  }
  return counts.map((count): Row => {
    const of = samples.get(count) ?? []
    const ratio = spreadOf(of.map((sample) => sample.ratio))
    const us = spreadOf(of.map((sample) => sample.us)).median
    const oneUs = spreadOf(of.map((sample) => sample.oneUs)).median
    const bar = bars.get(count)
    return {
      what: `${bar === undefined ? '  ' : ''}shm-probe, ${count} workers by one`,
      measured: ratioText(ratio.median),
      spread: spreadText(ratio),
      figures: `${us.toFixed(1)} µs by ${oneUs.toFixed(1)} µs`,
      ...(bar === undefined ? {} : { bar: atMost(bar, ratio.median) }),
    }
  })
}
