/** How a worker's figures and places are said, in the same words by each command. */
import type { LastWords } from '../../index.js'
import { saySeconds } from '../output.js'
import type { SeenWorker } from './seen.js'

export function sayMs(ms: number): string {
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : saySeconds(ms / 1000)
}

/** What a row says behind its figures: the phase, why it is not ready, where it is, how it ended before. */
export function noteOf({ state, phase, status, where, lateCycles, worstCycleMs, slowPlaces, lastWords }: SeenWorker) {
  const [worst] = [...slowPlaces].sort((a, b) => b.count - a.count)
  const notes = [
    ...(phase === null ? [] : [`in phase "${phase}"`]),
    ...(status === null ? [] : [status]),
    ...(state === 'stalled' && where?.isCurrent ? [sayFrames(where)] : []),
    ...(worst === undefined
      ? []
      : [`late ${lateCycles} x, worst ${sayMs(worstCycleMs)}, ${worst.count} of them at ${worst.place}`]),
    ...(lastWords === null ? [] : [sayLastWords(lastWords)]),
  ]
  return notes.join('; ')
}

function sayLastWords({ ended, beats, where }: LastWords): string {
  const place = ended !== 'stopped' && where?.isCurrent ? `, ${sayFrames(where)}` : ''
  return `before: ${ended} after ${beats} beats${place}`
}

/** The innermost and its caller, with short file names. */
function sayFrames({ kind, frames }: NonNullable<SeenWorker['where']>): string {
  const isNative = (index: number): boolean => kind === 'native' || (kind === 'native-and-javascript' && index === 0)
  const at = isNative(0) ? '' : 'at '
  return `${at}${frames
    .slice(0, 2)
    .map((frame, index) => (isNative(index) ? frame : frame.replace(/(\(?)[^()]*\/(?=[^/]*$)/, '$1')))
    .join(' < ')}`
}

/** JSON has no 64-bit integers: incarnations are texts. */
export function textOfBig(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
