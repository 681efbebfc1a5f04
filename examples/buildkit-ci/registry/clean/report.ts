import { plain } from '../../../kata-build-runner/model/plain-text.js'
import type { CleanOutcome } from './carry-out.js'

/** What a clean-up did, or would do, a line for each manifest and tag. */
export function linesOf({ repository, plan, stuck, spared }: CleanOutcome, isDry: boolean): string[] {
  const [deletes, untags] = isDry ? ['would delete', 'would untag'] : ['deleted', 'untagged']
  const untagged = plan.untaggings.map(({ tag, digest, why, neededBy }) =>
    stuck.includes(tag)
      ? `kept         ${repository}:${tag}: ${why}, but its manifest ${digest} is needed by ${neededBy}, and this registry cannot remove a tag alone`
      : `${untags.padEnd(12)} ${repository}:${tag}: ${why}; its manifest ${digest} stays for ${neededBy}`,
  )
  const deleted = plan.deletions.map(
    ({ digest, tags, why }) => `${deletes.padEnd(12)} ${repository}@${digest} (${tagWords(tags)}): ${why}`,
  )
  const changed = spared.map(
    (digest) => `kept         ${repository}@${digest}: something refers to it since the first look`,
  )
  return [...untagged, ...deleted, ...changed].map((line) => plain(line, 2000))
}

function tagWords(tags: readonly string[]): string {
  return tags.length === 0 ? 'no tag' : tags.join(', ')
}

/** Each tag that stays, and why: for `--show-kept`. */
export function keptLinesOf({ repository, plan }: CleanOutcome): string[] {
  return plan.kept.map(({ tag, why }) => plain(`keep         ${repository}:${tag}: ${why}`, 2000))
}

export function summaryOf(outcomes: readonly CleanOutcome[], isDry: boolean): string {
  const deletions = outcomes.flatMap(({ plan }) => plan.deletions)
  const tags = deletions.reduce((sum, each) => sum + each.tags.length, 0)
  const kept = outcomes.reduce((sum, { plan }) => sum + plan.kept.length, 0)
  const mebibytes = Math.ceil(deletions.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 ** 2)
  const verb = isDry ? 'would delete' : 'deleted'
  return `${verb} ${deletions.length} manifests with ${tags} tags, which name ${mebibytes} MiB of blobs (shared ones counted each time); ${kept} tags stay`
}
