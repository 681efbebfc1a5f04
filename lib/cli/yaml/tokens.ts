import { type CST, Lexer, Parser } from 'yaml'

/** Parts of the lexer that its types do not have. */
interface LexerParts {
  /** How deep the next line must be indented to belong to what was begun. */
  indentNext: number
  parseQuotedScalar(): Generator<string, unknown>
  parseFlowCollection(): Generator<string, unknown>
}

/**
 * The tokens of a YAML text, as kubectl reads it. YAML wants every line of a text in quotes, and of `[…]` and `{…}`,
 * indented deeper than what it belongs to. libyaml, which Go's readers descend from, does not: there only the closing quote
 * or bracket ends them, or the mark of a document.
 *
 * @param addNewLine is called with the offset of each line
 */
export function* tokensOf(text: string, addNewLine: (offset: number) => void): Generator<CST.Token> {
  const parser = new Parser(addNewLine)
  addNewLine(0)
  for (const lexeme of lenientLexer().lex(text)) yield* parser.next(lexeme)
  yield* parser.end()
}

function lenientLexer(): Lexer {
  const lexer = new Lexer()
  const parts = lexer as unknown as LexerParts
  for (const name of ['parseQuotedScalar', 'parseFlowCollection'] as const) {
    const step = parts[name]
    parts[name] = function* (): Generator<string, unknown> {
      const { indentNext } = parts
      parts.indentNext = 0
      try {
        return yield* step.call(parts)
      } finally {
        parts.indentNext = indentNext
      }
    }
  }
  return lexer
}
