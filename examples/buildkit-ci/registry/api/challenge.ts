/** What a registry asks for with a 401 (RFC 9110, 11.6.1): one scheme of those that it offers. */
export interface Challenge {
  scheme: 'basic' | 'bearer'
  parameters: ReadonlyMap<string, string>
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const parameter = new RegExp(`(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, 'y')
const schemeName = new RegExp(`(${token})(?=\\s|,|$)`, 'y')

/** The challenges that can be answered here, in the header's order. */
export function challengesOf(header: string): Challenge[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at
    const match = expression.exec(header)
    if (match !== null) at += match[0].length
    return match
  }
  const separators = /[\s,]+/y
  while (at < header.length) {
    take(separators)
    const pair = take(parameter)
    if (pair !== null) {
      const value = pair[2]?.replaceAll(/\\(.)/g, '$1') ?? pair[3] ?? ''
      found.at(-1)?.parameters.set((pair[1] as string).toLowerCase(), value)
      continue
    }
    const scheme = take(schemeName)
    if (scheme === null) break
    found.push({ scheme: (scheme[1] as string).toLowerCase(), parameters: new Map() })
  }
  return found.flatMap(({ scheme, parameters }) =>
    scheme === 'basic' || scheme === 'bearer' ? [{ scheme, parameters }] : [],
  )
}
