/** A look as lines of text. */
import { styleText } from 'node:util'
import type { WorkerState } from '../../index.js'
import { table } from '../output.js'
import { workerStates } from '../workers/seen.js'
import { noteOf, sayMs } from '../workers/words.js'
import type { Look, Unreadable, WorkerRow } from './look.js'
import { isAlive, usedOf } from './order.js'

export interface Line {
  text: string
  style?: Parameters<typeof styleText>[0]
}

/** A worker's share of its limit from which it is shown as being near it. */
const nearLimit = 0.8

const columns = ['WORKER', 'STATE', 'AGE', 'LIMIT', 'USED', 'BEATS/S', 'WORST CYCLE', 'LATE', 'WHERE']

/** The heading, then a line for each row. */
export function linesOf(placeHeading: string, unreadable: readonly Unreadable[], rows: readonly WorkerRow[]): Line[] {
  const texts = table([[placeHeading, ...columns], ...unreadable.map(unreadableCells), ...rows.map(cellsOf)])
    .split('\n')
    .slice(0, -1)
  return texts.map((text, index) => {
    if (index === 0) return { text, style: 'bold' }
    const row = rows[index - 1 - unreadable.length]
    return row === undefined ? { text, style: 'red' } : { text, ...styleOf(row) }
  })
}

function unreadableCells({ place, reason }: Unreadable): string[] {
  return [place, '-', 'unreadable', ...columns.slice(2, -1).map(() => '-'), reason]
}

function cellsOf(row: WorkerRow): string[] {
  const { place, worker, beatsPerSecond } = row
  const used = isAlive(row) ? `${Math.round(100 * usedOf(row))} %` : '-'
  return [
    ...[place, worker.name, worker.state, sayMs(worker.ageMs), sayMs(worker.limitMs), used],
    ...[isAlive(row) ? sayRate(beatsPerSecond) : '-', sayMs(worker.worstCycleMs), String(worker.lateCycles)],
    noteOf(worker),
  ]
}

/** Three digits, or all that are before the point. */
function sayRate(beatsPerSecond: number | null): string {
  if (beatsPerSecond === null) return '-'
  return String(beatsPerSecond >= 100 ? Math.round(beatsPerSecond) : Number(beatsPerSecond.toPrecision(3)))
}

function styleOf(row: WorkerRow): Pick<Line, 'style'> {
  switch (row.worker.state) {
    case 'stalled':
    case 'dead':
    case 'unusable':
      return { style: 'red' }
    case 'starting':
      return { style: 'cyan' }
    case 'stopped':
    case 'left-over':
      return { style: 'dim' }
    case 'running':
      return usedOf(row) >= nearLimit ? { style: 'yellow' } : {}
  }
}

/** How many there are of what: `2 regions, 5 workers: 1 stalled, 4 running`. */
export function summaryOf({ workers, unreadable, leftOut }: Look, placeHeading: string): string {
  const places = new Set([...workers, ...unreadable].map(({ place }) => place)).size
  const total = `${counted(places, placeHeading.toLowerCase())}, ${counted(workers.length, 'worker')}`
  const inState = (wanted: WorkerState): number => workers.filter(({ worker }) => worker.state === wanted).length
  const states = [
    ...(unreadable.length > 0 ? [`${unreadable.length} unreadable`] : []),
    ...workerStates.filter((state) => inState(state) > 0).map((state) => `${inState(state)} ${state}`),
  ]
  return [`${total}${states.length === 0 ? '' : `: ${states.join(', ')}`}`, ...leftOut].join('; ')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** For a pipe: no colour, whole lines. */
export function plainText(lines: readonly Line[]): string {
  return lines.map(({ text }) => `${text}\n`).join('')
}

/** For a terminal of so many columns: cut, then coloured, so that no colour is cut off. */
export function fitted({ text, style }: Line, columnCount: number, hasColour: boolean): string {
  const cut = text.length <= columnCount ? text : [...text].slice(0, columnCount).join('')
  return hasColour && style !== undefined ? styleText(style, cut) : cut
}
