import type { Session } from '../support/session.js'
import { spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

interface Answer {
  apart: boolean
  badLooks: number
  orders: { ns: number; ratio: number; low: number; high: number; looksPerSecond: number }[]
}

const orders = [
  { what: '  the noise: no reader by no reader' },
  { what: "the writer's beat beside a reader each millisecond", limit: 1.02 },
  { what: '  beside one that reads flat out' },
]

export async function interference(session: Session): Promise<Row[]> {
  const text = await session.runHelper('interference', [session.quick ? 30 : 120, 8, session.newRegion()])
  const { apart, badLooks, orders: answers } = JSON.parse(text) as Answer
  if (badLooks !== 0) throw new Error(`${badLooks} looks did not find the writer healthy`)
  const base = answers[0]?.ns ?? Number.NaN
  return orders.map(({ what, limit }, i): Row => {
    const answer = answers[i + 1]
    if (answer === undefined) throw new Error('no answer')
    const { ns, ratio, looksPerSecond } = answer
    return {
      what,
      measured: ratio.toFixed(4),
      spread: spreadText(answer),
      figures: `${ns.toFixed(2)} ns by ${base.toFixed(2)} ns, ${looksPerSecond} looks a second${apart ? '' : ', on one CPU'}`,
      ...(limit === undefined ? {} : { bar: atMost(limit, ratio) }),
    }
  })
}
