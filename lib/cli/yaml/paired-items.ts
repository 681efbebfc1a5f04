import { isFields, isSame } from '../../kubernetes/shape.js'

type Pairs = (number | undefined)[]

/**
 * For each item of `after` the index of the item of `before` that it comes from, undefined for a new one. Objects are
 * known by their `name` (and `mountPath`, for a volume may be mounted twice), other items by their value; objects
 * without a name that have changed (those of a List) by their place among what is known. Where items have changed
 * places, as few as possible count as new.
 */
export function pairedItems(before: readonly unknown[], after: readonly unknown[]): Pairs {
  // Most lists, and all that may be long (List), have only changed inside.
  if (before.length === after.length && before.every((old, at) => isInPlace(old, after[at]))) return [...before.keys()]
  const taken = new Set<number>()
  const pairs = after.map((item) => {
    const index = before.findIndex((old, at) => !taken.has(at) && isSameItem(old, item))
    if (index < 0) return undefined
    taken.add(index)
    return index
  })
  const kept = longestRising(pairs.filter((index) => index !== undefined))
  const inOrder = pairs.map((index) => (index !== undefined && kept.has(index) ? index : undefined))
  return pairedByPlace(before, after, inOrder)
}

/** Of rows of the same length the one that ends last: what was put first is new, not all that it was put before. */
function longestRising(indices: readonly number[]): Set<number> {
  const rows: number[][] = []
  for (const [at, index] of indices.entries()) {
    const before = rows.slice(0, at).filter((row) => (row.at(-1) as number) < index)
    const longest = before.reduce((best, row) => (row.length > best.length ? row : best), [] as number[])
    rows.push([...longest, index])
  }
  return new Set(rows.reduce((best, row) => (row.length >= best.length ? row : best), []))
}

function isSameItem(a: unknown, b: unknown): boolean {
  if (!isNamed(a) || !isNamed(b)) return isSame(a, b)
  return a['name'] === b['name'] && isSame(a['mountPath'], b['mountPath'])
}

function isInPlace(old: unknown, item: unknown): boolean {
  return (isNameless(old) && isNameless(item)) || isSameItem(old, item)
}

function isNameless(item: unknown): boolean {
  return isFields(item) && !isNamed(item)
}

function isNamed(item: unknown): item is Record<string, unknown> {
  return isFields(item) && item['name'] !== undefined
}

function pairedByPlace(before: readonly unknown[], after: readonly unknown[], pairs: Pairs): Pairs {
  const taken = new Set(pairs)
  let next = 0
  return pairs.map((index, at) => {
    const found = index ?? (isNameless(after[at]) && isNameless(before[next]) && !taken.has(next) ? next : undefined)
    if (found !== undefined) next = found + 1
    return found
  })
}
