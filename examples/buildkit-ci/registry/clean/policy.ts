import { z } from 'zod'
import { durationMs } from '../../../kata-build-runner/config/durations.js'
import { readYaml } from '../../../kata-build-runner/config/read-yaml.js'
import { dnsLabel, duration, list, strict, text } from '../../../kata-build-runner/config/schema-parts.js'
import { validated } from '../../../kata-build-runner/config/validate.js'

/** What may be deleted: of the tags that match, those that are too old and not among the newest. */
export interface CleanRule {
  /** Shown beside everything that it deletes. */
  name: string
  /** Names with `*` for any characters. */
  repositories: string[]
  tags: string[]
  olderThanMs: number
  /** So many of the newest tags that match stay in each repository, however old they are. */
  keepNewest: number
}

/** What is never deleted, whatever the rules say. */
export interface KeepRule {
  repositories: string[]
  tags: string[]
}

export interface CleanPolicy {
  keep: KeepRule[]
  /** The first rule that matches a tag decides on it. A tag that none matches stays. */
  rules: CleanRule[]
}

const patterns = (what: string) => {
  const pattern = text(`${what}, with * for any characters`, /^[^\s,]{1,255}$/)
  return list(`${what}s`, pattern).min(1, { error: `must have one ${what} at least` })
}

const age = duration('1m', '8784h').transform((value) => durationMs(value) as number)

/** The keys of `cleanup`, as a file has them. */
export const cleanPolicySchema = strict({
  keep: list(
    'what is never deleted',
    strict({ repositories: patterns('repository').default(['*']), tags: patterns('tag') }),
  ).default([]),
  rules: list(
    'rules',
    strict({
      name: dnsLabel("a rule's name"),
      repositories: patterns('repository').default(['*']),
      tags: patterns('tag'),
      olderThan: age,
      keepNewest: z.int({ error: 'must be a whole number' }).min(0, { error: 'must be 0 or more' }).default(0),
    }).transform(({ olderThan, ...rule }): CleanRule => ({ ...rule, olderThanMs: olderThan })),
  ).min(1, { error: 'must have one rule at least' }),
})

/**
 * Reads a policy.
 *
 * @param where what the file is called in errors
 * @throws RunnerError `CONFIG_INVALID`, with all that is wrong, each with its path and line
 */
export function readCleanPolicy(source: string, where: string): CleanPolicy {
  const file = { code: 'CONFIG_INVALID', where, docs: 'docs/registries.md' } as const
  return validated(cleanPolicySchema, readYaml(source, file), file)
}
