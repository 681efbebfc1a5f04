import { type Difference, differenceOf, differenceText, medianOf } from './noise.js'
import type { Asked } from './pods.js'

/** What the node computed in each round, in ms of CPU per second, by who asked the pods once a second. */
export type CpuByAsked = Record<Asked, number[]>

const askedInTurn: readonly Asked[] = ['nobody', 'exec', 'httpGet']

/** Each second round backwards, so that a load that rises steadily favours none of them. */
export function turnsOf(round: number): readonly Asked[] {
  return round % 2 === 0 ? askedInTurn : askedInTurn.toReversed()
}

/** By how many ms of CPU one probe of the first kind costs more than one of the second. */
export function perProbe(cpu: CpuByAsked, of: Asked, than: Asked, pods: number): Difference {
  const each = (figures: number[]): number[] => figures.map((figure) => figure / pods)
  return differenceOf(each(cpu[of]), each(cpu[than]))
}

/** For console.table. */
export function costRows(cpu: CpuByAsked, pods: number): Record<string, string | number>[] {
  return askedInTurn.map((asked) => ({
    asked: `by ${asked}`,
    'ms of CPU per second': Math.round(medianOf(cpu[asked])),
    ...(asked === 'nobody' ? {} : { 'a probe costs': differenceText(perProbe(cpu, asked, 'nobody', pods), 'ms') }),
  }))
}
