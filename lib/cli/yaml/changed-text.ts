import { isNode } from 'yaml'
import { isSame } from '../../kubernetes/shape.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { lineOf, type Manifest, manifestsOf } from './documents.js'
import { applied } from './edit.js'
import { Editor } from './editor.js'
import { isJson, JsonEditor } from './json-editor.js'
import { styleOf } from './text-style.js'

/**
 * A file's text with new values for its documents. Documents that do not change keep every byte, in the others all does
 * that did not have to change.
 *
 * @param change gives a document's new value, or its old one
 * @throws CommandError `unreadable`, also if an anchor, say, makes one text of two values
 */
export function changedText(name: string, text: string, change: (manifest: Manifest) => unknown): string {
  const readBack = new Set<string>()
  let result = ''
  let from = 0
  for (const manifest of manifestsOf(name, text)) {
    const wanted = change(manifest)
    const node = manifest.document.contents
    if (!isNode(node) || isSame(manifest.value, wanted)) continue
    const own = text.slice(node.range[0], node.range[1])
    const json = isJson(own, manifest.value)
    const editor = json ? new JsonEditor(text, own) : new Editor(text, styleOf(manifest.document, text))
    const edits = editor.edited(node, manifest.value, wanted)
    const end = Math.max(manifest.document.range[2], ...edits.map((edit) => edit.end))
    const start = Math.max(from, manifest.document.range[0])
    const changed = applied(text.slice(start, end), edits, start)
    const written = changed.slice(node.range[0] - start, changed.length - (end - node.range[1]))
    const shape = `${json} ${shapeOf(changed)}`
    const isRead = readBack.has(shape) || (isReadAs(changed, wanted) && (!json || isJson(written, wanted)))
    if (!isRead) throw unchangeable(name, manifest)
    readBack.add(shape)
    result += text.slice(from, start) + changed
    from = end
  }
  return result + text.slice(from)
}

/** Behind a key, a dash, a comma or a bracket; up to the end of the line, a comma, a bracket or a comment. */
const plainValue = /(?<=[:,-] |\[)[A-Za-z0-9](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?(?=\r?$| ?[,}\]]| #)/gm

/**
 * A document's text without its plain values: texts of one shape are read alike, so of a thousand documents from one
 * template one is read back. All that could be read otherwise (quotes, anchors, tags, block texts …) is in the shape.
 */
function shapeOf(text: string): string {
  return text.replace(plainValue, 'x')
}

function unchangeable(name: string, manifest: Manifest): CommandError {
  return new CommandError(
    exitCodes.unreadable,
    `${name}:${lineOf(manifest, [])}: this document cannot be changed in place: an anchor (&name) in it stands for parts ` +
      'that must differ now, or it has keys with "?" or tags; write these out, and try again',
  )
}

/** Text is only ever given out after it, or one of its shape, was read back. */
function isReadAs(text: string, wanted: unknown): boolean {
  try {
    const values = [...manifestsOf('', text)].map(({ value }) => value)
    return values.length === 1 && isSame(values[0], wanted)
  } catch {
    return false
  }
}
