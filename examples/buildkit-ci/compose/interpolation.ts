/** A variable of the environment that a file needs and the environment does not have. */
export interface Missing {
  path: PropertyKey[]
  problem: string
}

const reference = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\})/g

/**
 * Puts values of the environment into all texts: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`,
 * `${NAME:+other}`, each also without the colon; `$$` is a `$`. Compose takes an unset variable for empty text, which
 * hides a typing error: here it is a problem.
 */
export function interpolated(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  missing: Missing[],
  path: PropertyKey[] = [],
): unknown {
  if (Array.isArray(value)) return value.map((item, index) => interpolated(item, env, missing, [...path, index]))
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, interpolated(item, env, missing, [...path, key])])
    return Object.fromEntries(entries)
  }
  if (typeof value !== 'string') return value
  return value.replaceAll(reference, (_all, dollar, bare, braced, operator: string | undefined, argument = '') => {
    if (dollar !== undefined) return '$'
    const name: string = bare ?? braced
    const found = env[name]
    const isThere = found !== undefined && !(operator?.startsWith(':') && found === '')
    if (operator?.endsWith('+')) return isThere ? argument : ''
    if (isThere) return found
    if (operator?.endsWith('-')) return argument
    const why = argument === '' ? `set it, or write \${${name}:-default}` : argument
    missing.push({ path, problem: `the variable ${name} is not set: ${why}` })
    return ''
  })
}
