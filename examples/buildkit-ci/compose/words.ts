/**
 * The words of a command line as compose splits them: by white space, with quotes and backslashes as in a shell, and
 * nothing else of a shell (no variables, no pipes).
 *
 * @returns undefined, if a quote is not closed
 */
export function wordsOf(line: string): string[] | undefined {
  const words: string[] = []
  const part = /\s+|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)/y
  let word: string | undefined
  while (part.lastIndex < line.length) {
    const match = part.exec(line)
    if (match === null) return undefined
    const [all, single, double, escaped, plain] = match
    const text = single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain
    if (text === undefined && /^\s/.test(all)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = `${word ?? ''}${text ?? ''}`
  }
  return word === undefined ? words : [...words, word]
}
