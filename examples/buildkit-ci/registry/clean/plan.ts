import type { Inventory } from './inventory.js'
import { judgeTags, ownerOf, type TagVerdict } from './judge-tags.js'
import type { CleanPolicy } from './policy.js'

/** A manifest that goes, with all tags that refer to it. */
export interface Deletion {
  digest: string
  tags: string[]
  /** The rule, and what it found; or which deletion takes this one along. */
  why: string
  bytes: number
}

/** A tag that goes, while another one, or an index, still needs its manifest. */
export interface Untagging {
  tag: string
  digest: string
  why: string
  neededBy: string
}

export interface CleanPlan {
  repository: string
  /** In the order in which they must be carried out: an index before its parts. */
  deletions: Deletion[]
  untaggings: Untagging[]
  /** Every tag that stays, and why. */
  kept: { tag: string; why: string }[]
}

/**
 * What a policy deletes of a repository. A manifest goes only if every tag on it goes, and nothing that stays refers to
 * it: no index that it is part of, no subject that it belongs to.
 */
export function planOf(inventory: Inventory, policy: CleanPolicy, nowMs: number): CleanPlan {
  const verdicts = judgeTags(inventory, policy, nowMs)
  const going = verdicts.filter(({ rule }) => rule !== undefined)
  const staying = verdicts.filter(({ rule }) => rule === undefined)
  const parts = partsOf(inventory)
  const needed = reached(
    parts,
    staying.map(({ tag, digest }) => [digest, `tag ${tag}`]),
  )
  // An artifact with a tag of a person's keeps what it says something about.
  for (const { digest, tag } of staying) {
    const subject = inventory.manifests.get(digest)?.subject
    if (subject !== undefined)
      for (const [each, by] of reached(parts, [[subject, `tag ${tag}`]])) addTo(needed, each, by)
  }
  // What belongs to nothing that goes is not judged, and stays.
  const condemned = reached(
    parts,
    going.map(({ digest, why }) => [digest, why]),
  )
  const deleted = [...condemned].filter(([digest]) => !needed.has(digest) && inventory.manifests.has(digest))
  return {
    repository: inventory.repository,
    deletions: wholesFirst(parts, new Map(deleted)).map(([digest, why]) =>
      deletionOf(inventory, verdicts, digest, why),
    ),
    untaggings: going.flatMap(({ tag, digest, why }) => {
      const neededBy = needed.get(digest)
      return neededBy === undefined ? [] : [{ tag, digest, why, neededBy }]
    }),
    kept: staying.map(({ tag, why }) => ({ tag, why })),
  }
}

/** What goes and stays together with a manifest: the parts of an index, and whatever is said about either. */
function partsOf({ tags, manifests }: Inventory): Map<string, Set<string>> {
  const parts = new Map<string, Set<string>>()
  const add = (whole: string, part: string): void => {
    parts.set(whole, (parts.get(whole) ?? new Set()).add(part))
  }
  for (const { digest, children, subject } of manifests.values()) {
    for (const child of children) add(digest, child)
    if (subject !== undefined) add(subject, digest)
  }
  for (const [tag, digest] of tags) {
    const owner = ownerOf(tag)
    if (owner !== undefined) add(owner, digest)
  }
  return parts
}

/**
 * Wholes before their parts: some registries refuse to delete what an index refers to. Stopped half way, parts without an
 * index are left, and no index without its parts.
 */
function wholesFirst(
  parts: ReadonlyMap<string, ReadonlySet<string>>,
  deleted: ReadonlyMap<string, string>,
): [digest: string, why: string][] {
  const ordered: [string, string][] = []
  const seen = new Set<string>()
  const visit = (digest: string): void => {
    if (seen.has(digest)) return
    seen.add(digest)
    for (const part of parts.get(digest) ?? []) visit(part)
    const why = deleted.get(digest)
    if (why !== undefined) ordered.unshift([digest, why])
  }
  for (const digest of deleted.keys()) visit(digest)
  return ordered
}

/** All manifests that these lead to, each with the reason of the first that led there. */
function reached(
  parts: ReadonlyMap<string, ReadonlySet<string>>,
  from: readonly (readonly [digest: string, why: string])[],
): Map<string, string> {
  const found = new Map<string, string>()
  const left = [...from]
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const [digest, why] = next
    if (!addTo(found, digest, why)) continue
    for (const part of parts.get(digest) ?? []) left.push([part, why])
  }
  return found
}

function addTo(found: Map<string, string>, digest: string, why: string): boolean {
  if (found.has(digest)) return false
  found.set(digest, why)
  return true
}

function deletionOf(inventory: Inventory, verdicts: readonly TagVerdict[], digest: string, why: string): Deletion {
  const tags = [...inventory.tags].filter(([, tagged]) => tagged === digest).map(([tag]) => tag)
  const own = verdicts.find((verdict) => verdict.digest === digest)
  const reason = own === undefined ? `part of what ${why.replace(/:.*/s, '')} deletes` : own.why
  return { digest, tags, why: reason, bytes: inventory.manifests.get(digest)?.bytes ?? 0 }
}
