/** `text` in place of what is between `start` and `end`. */
export interface Edit {
  start: number
  end: number
  text: string
}

/** @param offset of `text` in the file that the edits are places of */
export function applied(text: string, edits: Edit[], offset: number): string {
  const ordered = edits
    .map((edit, index) => ({ ...edit, index }))
    .sort((a, b) => a.start - b.start || a.index - b.index)
  let result = ''
  let at = 0
  for (const { start, end, text: inserted } of ordered) {
    result += text.slice(at, start - offset) + inserted
    at = end - offset
  }
  return result + text.slice(at)
}
