/** `parse-yaml FILE`: reads all documents of a file into values, and nothing else: the least that `wire` must do. */
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'

// As lib/cli/main.ts does: yaml asks at every token.
process.env = { ...process.env }

const [file = ''] = process.argv.slice(2)
const values = parseAllDocuments(readFileSync(file, 'utf8'), { version: '1.1' }).map((document) => document.toJS())
console.log(values.length)
