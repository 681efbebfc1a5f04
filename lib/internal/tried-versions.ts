/**
 * The versions of Node.js whose V8 the addon's calls were tried with (test/slow/stacks-stress, test/lifecycle/fast). They
 * go by names alone, so with another V8 a changed meaning would not be noticed.
 */
const triedMajors = ['20', '22', '24']

/** Why V8's functions are left out unless somebody asks for them; undefined: they are not. */
export function untriedReason(versions: NodeJS.ProcessVersions): string | undefined {
  const other = ['electron', 'bun', 'deno'].find((name) => versions[name] !== undefined)
  if (other !== undefined) return `not tried with ${other}`
  const [major = ''] = versions.node.split('.')
  return triedMajors.includes(major) ? undefined : `not tried with Node.js ${major}`
}
