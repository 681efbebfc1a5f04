/** Reading what others wrote: a field may be absent, null, or of another type than the API has it. */
import type { Path } from './types.js'

export type Fields = Record<string, unknown>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The objects of a list; none, if it is no list. */
export function objectsOf<Item extends object>(value: readonly Item[] | null | undefined): Item[] {
  return Array.isArray(value) ? value.filter(isFields as (item: unknown) => item is Item) : []
}

/** A field that the API has, but the types here do not. */
export function fieldOf(holder: object, name: string): unknown {
  return (holder as Fields)[name]
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The texts of a list; none, if it is no list. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** A copy of `root` with `value` at `path`; all beside the path is shared, nothing is changed. */
export function withAt<Root>(root: Root, path: Path, value: unknown): Root {
  const [key, ...rest] = path
  if (key === undefined) return value as Root
  if (Array.isArray(root)) {
    return root.map((item, index) => (index === key ? withAt(item, rest, value) : item)) as Root
  }
  const fields = root as Fields
  return { ...fields, [key]: withAt(fields[key], rest, value) } as Root
}

/** Whether two values of JSON's kinds are the same; the order of keys does not matter. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  }
  if (!isFields(a) || !isFields(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
}

/** The last name of a path or command: `shm-probe` of `/shm-liveness/shm-probe`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
