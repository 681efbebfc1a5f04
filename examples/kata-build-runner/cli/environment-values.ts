/** The runner's own variables, from which builds take what `secretEnvironment` names. */
export function environmentValues(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(entries)
}
