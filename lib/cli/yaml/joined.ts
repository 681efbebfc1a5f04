/** Comments may stand before a directive. */
const beginsWithDirective = /^\uFEFF?(?:[ \t]*(?:#.*)?\r?\n)*%/
const endsWithMark = /(?:^|\n)\.\.\.(?:[ \t].*)?\r?\n$/

/** One stream of documents. A single text stays as it is. */
export function joined(texts: string[]): string {
  return texts.reduce((stream, text) => {
    const ended = stream === '' || stream.endsWith('\n') ? stream : `${stream}\n`
    return `${ended}${separator(ended, text)}${text}`
  }, '')
}

/** A directive is one only behind a document that was ended. */
function separator(before: string, text: string): string {
  if (before === '') return ''
  if (beginsWithDirective.test(text)) return endsWithMark.test(before) ? '' : '...\n'
  return /^\uFEFF?---/.test(text) ? '' : '---\n'
}
