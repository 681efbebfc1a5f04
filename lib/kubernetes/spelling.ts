/** The one of some words that a misspelt word most likely stands for; undefined if none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const most = Math.min(3, Math.floor(word.length / 3))
  const ranked = [...known]
    .map((candidate) => ({ candidate, edits: editsBetween(plain(word), plain(candidate)) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits)
  return ranked[0]?.candidate
}

const plain = (word: string): string => word.toLowerCase().replaceAll('_', '-')

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] as number) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
