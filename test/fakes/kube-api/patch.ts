import type { KubeObject } from './objects.js'
import { Refusal } from './status.js'

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merged(result[key], value)
  }
  return result
}

interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

const partsOf = (pointer: string) =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/** RFC 6902: `act` is given the container of what the pointer names, and the key in it. */
function at<T>(root: unknown, pointer: string, act: (container: Fields | unknown[], key: string) => T): T {
  const parts = partsOf(pointer)
  const key = parts.pop() ?? ''
  let container = root
  for (const part of parts) container = (container as Fields | undefined)?.[part]
  if (typeof container !== 'object' || container === null)
    throw new Refusal(422, `the server rejected our request due to an error in our request: no path ${pointer}`)
  return act(container as Fields, key)
}

const read = (root: unknown, pointer: string) => at(root, pointer, (container, key) => (container as Fields)[key])

function remove(root: unknown, pointer: string): void {
  at(root, pointer, (container, key) => {
    if (!Object.hasOwn(container, key)) throw new Refusal(422, `jsonpatch remove operation does not apply: ${pointer}`)
    if (Array.isArray(container)) container.splice(Number(key), 1)
    else delete container[key]
  })
}

function put(root: unknown, pointer: string, value: unknown, isNew: boolean): void {
  at(root, pointer, (container, key) => {
    if (Array.isArray(container)) {
      const index = key === '-' ? container.length : Number(key)
      container.splice(index, isNew ? 0 : 1, value)
    } else {
      if (!isNew && !Object.hasOwn(container, key))
        throw new Refusal(422, `jsonpatch replace operation does not apply: ${pointer}`)
      container[key] = value
    }
  })
}

function operated(object: KubeObject, operations: Operation[]): KubeObject {
  const root = structuredClone(object)
  for (const { op, path, from = '', value } of operations) {
    if (op === 'test') {
      if (JSON.stringify(read(root, path)) !== JSON.stringify(value))
        throw new Refusal(
          422,
          `the server rejected our request due to an error in our request: testing value ${path} failed`,
        )
    } else if (op === 'remove') remove(root, path)
    else if (op === 'add' || op === 'replace') put(root, path, value, op === 'add')
    else if (op === 'move' || op === 'copy') {
      const moved = structuredClone(read(root, from))
      if (op === 'move') remove(root, from)
      put(root, path, moved, true)
    } else throw new Refusal(400, `Unexpected kind: ${op}`)
  }
  return root
}

/**
 * The object after a patch, as `contentType` means it. A strategic merge patch is a merge patch here: lists are replaced,
 * not merged by their keys.
 * @throws Refusal 400, 415, 422
 */
export function patched<T extends KubeObject>(object: T, contentType: string, body: unknown): T {
  switch (contentType.split(';')[0]!.trim()) {
    case 'application/json-patch+json':
      if (!Array.isArray(body))
        throw new Refusal(
          400,
          'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
        )
      return operated(object, body as Operation[]) as T
    case 'application/merge-patch+json':
    case 'application/strategic-merge-patch+json':
      if (!isFields(body)) throw new Refusal(400, 'error decoding patch: json: cannot unmarshal array into Go value')
      return merged(object, body) as T
    default:
      throw new Refusal(
        415,
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json',
      )
  }
}
