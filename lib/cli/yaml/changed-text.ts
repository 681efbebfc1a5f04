import { isNode } from 'yaml'
import { isSame } from '../../kubernetes/shape.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { type Manifest, type ManifestFile, manifestsOf } from './documents.js'
import { applied, type Edit, editsOf } from './edit.js'
import { styleOf } from './text-style.js'

/**
 * The file's text with new values for its documents. Documents that do not change keep every byte, in the others all
 * does that did not have to change.
 *
 * @param values one for each document
 * @throws CommandError `unreadable`, if an anchor, say, makes one text of two values
 */
export function changedText(file: ManifestFile, values: readonly unknown[]): string {
  const edits = file.manifests.flatMap((manifest, index) => manifestEdits(file, manifest, values[index]))
  if (edits.length === 0) return file.text
  const text = applied(file.text, edits)
  requireValues(file, text, values)
  return text
}

function manifestEdits({ text }: ManifestFile, { document, value }: Manifest, wanted: unknown): Edit[] {
  const node = document.contents
  if (!isNode(node) || value === wanted || isSame(value, wanted)) return []
  const [start, end] = node.range
  const json = jsonOf(text.slice(start, end), value)
  if (json !== undefined) return [{ start, end, text: JSON.stringify(wanted, null, json.indent) }]
  return editsOf(node, value, wanted, text, styleOf(document, text))
}

/** JSON has no comments, and is written as a whole; undefined if the text is no JSON. */
function jsonOf(text: string, value: unknown): { indent: string } | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    if (!isSame(JSON.parse(text), value)) return undefined
  } catch {
    return undefined
  }
  return { indent: /^\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? '' }
}

/** Text is only ever given out after it was read back. */
function requireValues(file: ManifestFile, text: string, values: readonly unknown[]): void {
  const odd = firstOdd(file.name, text, values)
  if (odd === undefined) return
  const { document } = file.manifests[Math.min(odd, values.length - 1)] as Manifest
  const { line } = file.lines.linePos(document.range[0])
  throw new CommandError(
    exitCodes.unreadable,
    `${file.name}:${line}: this document cannot be changed in place: an anchor (&name) in it stands for parts that must ` +
      'differ now, or it has keys with "?" or tags; write these out, and try again',
  )
}

/** Which document of a text is not as wanted; undefined if all are. */
function firstOdd(name: string, text: string, values: readonly unknown[]): number | undefined {
  let index = 0
  try {
    for (const { value } of manifestsOf(name, text)) {
      if (index >= values.length || !isSame(value, values[index])) return index
      index++
    }
  } catch {
    return index
  }
  return index === values.length ? undefined : index
}
