import { isListed } from '../../../kata-build-runner/config/wildcard.js'
import type { Inventory } from './inventory.js'
import type { CleanPolicy, CleanRule } from './policy.js'

/** What the policy says of one tag, before anyone looks who else needs its manifest. */
export interface TagVerdict {
  tag: string
  digest: string
  /** Undefined: it stays. */
  rule?: CleanRule | undefined
  why: string
}

/** `sha256-<hex>`, and cosign's `sha256-<hex>.sig`: such a tag belongs to the manifest of that digest. */
const belongingTag = /^(sha256)-([0-9a-f]{64})(\.[a-z]+)?$/

/** The digest that a tag belongs to by its name; undefined for a tag as people write them. */
export function ownerOf(tag: string): string | undefined {
  const match = belongingTag.exec(tag)
  return match === null ? undefined : `${match[1]}:${match[2]}`
}

/** Each tag that people wrote, by the policy. */
export function judgeTags(inventory: Inventory, policy: CleanPolicy, nowMs: number): TagVerdict[] {
  const tags = [...inventory.tags].filter(([tag]) => ownerOf(tag) === undefined)
  const newest = newestOfRules(inventory, policy)
  return tags.map(([tag, digest]) => ({ tag, digest, ...verdictOf(inventory, policy, tag, newest, nowMs) }))
}

function verdictOf(
  { repository, tags, manifests }: Inventory,
  policy: CleanPolicy,
  tag: string,
  newest: ReadonlyMap<CleanRule, ReadonlySet<string>>,
  nowMs: number,
): Pick<TagVerdict, 'rule' | 'why'> {
  const kept = policy.keep.find((keep) => isListed(repository, keep.repositories) && isListed(tag, keep.tags))
  if (kept !== undefined) return { why: `kept by "${kept.tags.find((pattern) => isListed(tag, [pattern]))}"` }
  const rule = ruleOf(policy, repository, tag)
  if (rule === undefined) return { why: 'no rule matches it' }
  const created = manifests.get(tags.get(tag) ?? '')?.createdMs
  if (created === undefined) return { why: `rule ${rule.name} matches, but its age is unknown` }
  const ageMs = nowMs - created
  if (ageMs <= rule.olderThanMs) return { why: `rule ${rule.name} matches, but it is only ${ageWords(ageMs)} old` }
  if (newest.get(rule)?.has(tag)) return { why: `among the newest ${rule.keepNewest} of rule ${rule.name}` }
  return { rule, why: `rule ${rule.name}: ${ageWords(ageMs)} old, more than ${ageWords(rule.olderThanMs)}` }
}

function ruleOf({ rules }: CleanPolicy, repository: string, tag: string): CleanRule | undefined {
  return rules.find((rule) => isListed(repository, rule.repositories) && isListed(tag, rule.tags))
}

function newestOfRules({ repository, tags, manifests }: Inventory, policy: CleanPolicy): Map<CleanRule, Set<string>> {
  const createdMs = (tag: string): number => manifests.get(tags.get(tag) ?? '')?.createdMs ?? Number.NEGATIVE_INFINITY
  const byRule = new Map<CleanRule, string[]>()
  for (const tag of tags.keys()) {
    const rule = ownerOf(tag) === undefined ? ruleOf(policy, repository, tag) : undefined
    if (rule !== undefined) byRule.set(rule, [...(byRule.get(rule) ?? []), tag])
  }
  return new Map(
    [...byRule].map(([rule, matched]) => {
      const sorted = matched.toSorted((a, b) => createdMs(b) - createdMs(a) || a.localeCompare(b))
      return [rule, new Set(sorted.slice(0, rule.keepNewest))]
    }),
  )
}

const hourMs = 3_600_000

/** Ages are days here; parts of an hour decide nothing that people look for. */
export function ageWords(ms: number): string {
  const hours = Math.floor(ms / hourMs)
  if (hours < 1) return `${Math.max(0, Math.floor(ms / 60_000))}m`
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}
