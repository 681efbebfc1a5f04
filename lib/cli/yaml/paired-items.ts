import { isFields, isSame } from '../../kubernetes/shape.js'

/**
 * For each item of `after` the index of the item of `before` that it comes from, undefined for a new one. Objects are
 * known by their `name` (and `mountPath`, for a volume may be mounted twice), other items by their value.
 *
 * @returns undefined if items that were kept have changed places, or a name is there twice
 */
export function pairedItems(before: readonly unknown[], after: readonly unknown[]): (number | undefined)[] | undefined {
  const taken = new Set<number>()
  const pairs = after.map((item) => {
    const index = before.findIndex((old, at) => !taken.has(at) && isSameItem(old, item))
    if (index < 0) return undefined
    taken.add(index)
    return index
  })
  const kept = pairs.filter((index) => index !== undefined)
  return kept.every((index, at) => at === 0 || (kept[at - 1] as number) < index) ? pairs : undefined
}

function isSameItem(a: unknown, b: unknown): boolean {
  if (!isFields(a) || !isFields(b) || a['name'] === undefined) return isSame(a, b)
  return a['name'] === b['name'] && isSame(a['mountPath'], b['mountPath'])
}
