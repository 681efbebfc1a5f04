import type { BuildResult } from '../model/result.js'

/** Nobody reads where hundreds of gaps are; the result's file has more. */
const mostGaps = 10

/** What is missing of a log that is not complete, in one line. */
export function lossWords({
  gaps,
  moreGaps,
  lostBytes,
}: Pick<BuildResult['log'], 'gaps' | 'lostBytes' | 'moreGaps'>): string {
  if (lostBytes === 0) return 'the end of the log is missing; how much that is nobody knows'
  const shown = gaps.slice(0, mostGaps).map(({ afterByte, bytes }) => `${bytes} after byte ${afterByte}`)
  const more = Math.max(0, gaps.length - mostGaps) + moreGaps.count
  const where = [...shown, ...(more > 0 ? [`and ${more} gaps more`] : [])].join(', ')
  const total = `${lostBytes} ${lostBytes === 1 ? 'byte' : 'bytes'} of the log`
  const mayBe = gaps.reduce((sum, { bytes, mayBeLineEnds }) => sum + (mayBeLineEnds ? bytes : 0), 0)
  if (mayBe === 0) return `the cluster lost ${total}: ${where}`
  const which = mayBe === lostBytes ? 'they' : `${mayBe} of them`
  return `the cluster lost ${total}, but ${which} may be carriage returns alone, which containerd drops from line ends: ${where}`
}
