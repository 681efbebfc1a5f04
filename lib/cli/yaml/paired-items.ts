import { isFields, isSame } from '../../kubernetes/shape.js'

type Pairs = (number | undefined)[]

/**
 * For each item of `after` the index of the item of `before` that it comes from, undefined for a new one. Objects are
 * known by their `name` (and `mountPath`, for a volume may be mounted twice), other items by their value; objects
 * without a name that have changed (those of a List) by their place among what is known.
 *
 * @returns undefined if items that were kept have changed places
 */
export function pairedItems(before: readonly unknown[], after: readonly unknown[]): Pairs | undefined {
  const taken = new Set<number>()
  const pairs = after.map((item) => {
    const index = before.findIndex((old, at) => !taken.has(at) && isSameItem(old, item))
    if (index < 0) return undefined
    taken.add(index)
    return index
  })
  const kept = pairs.filter((index) => index !== undefined)
  const isInOrder = kept.every((index, at) => at === 0 || (kept[at - 1] as number) < index)
  return isInOrder ? pairedByPlace(before, after, pairs) : undefined
}

function isSameItem(a: unknown, b: unknown): boolean {
  if (!isNamed(a) || !isNamed(b)) return isSame(a, b)
  return a['name'] === b['name'] && isSame(a['mountPath'], b['mountPath'])
}

function isNamed(item: unknown): item is Record<string, unknown> {
  return isFields(item) && item['name'] !== undefined
}

function pairedByPlace(before: readonly unknown[], after: readonly unknown[], pairs: Pairs): Pairs {
  const isNameless = (item: unknown): boolean => isFields(item) && !isNamed(item)
  const taken = new Set(pairs)
  let next = 0
  return pairs.map((index, at) => {
    const found = index ?? (isNameless(after[at]) && isNameless(before[next]) && !taken.has(next) ? next : undefined)
    if (found !== undefined) next = found + 1
    return found
  })
}
