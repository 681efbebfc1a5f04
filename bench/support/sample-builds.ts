/** The builds that `builds` follows, as both sides know them: the cluster that runs them and the runner that reads on. */

/** What happens to a build's log on its way. */
export type LogFate = 'whole' | 'rotates' | 'skips' | 'breaks' | 'breaks-and-rotates'

/** Every tenth build meets the same. */
const fates: Record<number, LogFate> = { 3: 'rotates', 5: 'skips', 7: 'breaks', 9: 'breaks-and-rotates' }

export const fateOf = (number: number): LogFate => fates[number % 10] ?? 'whole'

export const idOf = (number: number): string => `b-${number}`

const pieces = 60
const linesOfPiece = 10
/** Of a build whose reader is to fall behind: more at once than a file holds. */
const linesOfBurst = 1_000

/** Its output, piece by piece. */
export function piecesOf(number: number): string[] {
  const isBurst = fateOf(number) === 'skips'
  return Array.from({ length: pieces }, (_, piece) => {
    const lines = isBurst && piece % 20 === 10 ? linesOfBurst : linesOfPiece
    return Array.from({ length: lines }, (_, line) => `build ${number}, piece ${piece}, line ${line}`.padEnd(99, '.'))
      .map((line) => `${line}\n`)
      .join('')
  })
}
