/** Whether a name is one of a list, in which a * stands for any characters, or none. */
export function isListed(name: string, list: readonly string[]): boolean {
  return list.some((entry) => expressionOf(entry).test(name))
}

export function hasWildcard(entry: string): boolean {
  return entry.includes('*')
}

function expressionOf(entry: string): RegExp {
  const parts = entry.split(/\*+/).map((part) => part.replaceAll(/[^A-Za-z0-9]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
