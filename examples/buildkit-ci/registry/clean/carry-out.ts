import type { RegistryClient } from '../api/client.js'
import { inventoryOf } from './inventory.js'
import { type CleanPlan, planOf } from './plan.js'
import type { CleanPolicy } from './policy.js'

/** What became of a plan. */
export interface CleanOutcome {
  repository: string
  /** What was deleted, or in a dry run would be. */
  plan: CleanPlan
  /** Tags that had to go, and are still there: the registry cannot remove a tag alone. */
  stuck: string[]
  /** Digests that the first look condemned, and the second did not: something changed meanwhile. */
  spared: string[]
}

export interface CleanOptions {
  policy: CleanPolicy
  nowMs: number
  isDry: boolean
}

/**
 * Cleans one repository. Before anything is deleted the tags are read again: only what both looks condemn goes, so a
 * build that moved a tag onto an old image meanwhile keeps it. What remains is the time between that look and the DELETE,
 * which has no condition in the API.
 */
export async function cleanRepository(
  client: RegistryClient,
  repository: string,
  { policy, nowMs, isDry }: CleanOptions,
): Promise<CleanOutcome> {
  const first = planOf(await inventoryOf(client, repository), policy, nowMs)
  const isIdle = first.deletions.length === 0 && first.untaggings.length === 0
  if (isDry || isIdle) return { repository, plan: first, stuck: [], spared: [] }
  const plan = agreed(first, planOf(await inventoryOf(client, repository), policy, nowMs))
  const stuck: string[] = []
  for (const { tag } of plan.untaggings) if (!(await client.deleteTag(repository, tag))) stuck.push(tag)
  for (const { digest } of plan.deletions) await client.deleteManifest(repository, digest)
  const still = new Set(plan.deletions.map(({ digest }) => digest))
  const spared = first.deletions.map(({ digest }) => digest).filter((digest) => !still.has(digest))
  return { repository, plan, stuck, spared }
}

/** What both looks want gone; all else is as the second one saw it. */
function agreed(first: CleanPlan, second: CleanPlan): CleanPlan {
  const digests = new Set(first.deletions.map(({ digest }) => digest))
  const tags = new Set(first.untaggings.map(({ tag, digest }) => `${tag}@${digest}`))
  return {
    ...second,
    deletions: second.deletions.filter(({ digest }) => digests.has(digest)),
    untaggings: second.untaggings.filter(({ tag, digest }) => tags.has(`${tag}@${digest}`)),
  }
}
