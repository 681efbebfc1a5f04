import { Command, InvalidArgumentError } from 'commander'
import { readText } from '../../../kata-build-runner/cli/flags.js'
import { type Host, processHost } from '../../../kata-build-runner/cli/host.js'
import { Signals } from '../../../kata-build-runner/cli/signals.js'
import { hasWildcard, isListed } from '../../../kata-build-runner/config/wildcard.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { RegistryClient } from '../../registry/api/client.js'
import { credentialsFor } from '../../registry/api/credentials.js'
import { endpointOf } from '../../registry/api/endpoint.js'
import { Transport } from '../../registry/api/transport.js'
import { type CleanOutcome, cleanRepository } from '../../registry/clean/carry-out.js'
import { type CleanPolicy, readCleanPolicy } from '../../registry/clean/policy.js'
import { keptLinesOf, linesOf, summaryOf } from '../../registry/clean/report.js'

interface CleanFlags {
  policy: string
  repository: string[]
  delete?: true
  showKept?: true
  requestsPerSecond?: number
}

const words = ['stopping after the current request', 'ending'] as const

export function cleanCommand(host: Host = processHost): Command {
  return new Command('clean')
    .description(
      'delete old images of a registry by age and tag, through the OCI distribution API; a dry run unless --delete',
    )
    .argument('<registry>', 'host[:port], or a URL')
    .requiredOption('--policy <file>', 'what may be deleted and what is kept: docs/registries.md')
    .option(
      '--repository <name>',
      'only this one; repeatable; * for any characters, if the registry lists its repositories or the rules name them',
      collect,
      [],
    )
    .option('--delete', 'delete; without it, only say what would be deleted')
    .option('--show-kept', 'also say of each tag that stays why it does')
    .option('--requests-per-second <number>', 'the most requests a second', positive)
    .action((registry: string, flags: CleanFlags) => clean(host, registry, flags))
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1000)) throw new InvalidArgumentError('Must be a number above 0, at most 1000.')
  return value
}

async function clean(host: Host, registry: string, flags: CleanFlags): Promise<void> {
  const policy = readCleanPolicy(await readText(flags.policy, 'CONFIG_INVALID'), flags.policy)
  const endpoint = endpointOf(registry)
  const say = (text: string) => host.stderr.write(`buildkit-ci: ${text}\n`)
  using signals = new Signals(host, say, words)
  const { cancel: signal } = signals.interruption
  const { requestsPerSecond } = flags
  const credentials = await credentialsFor(endpoint, host.env)
  const client = new RegistryClient(new Transport(endpoint, { credentials, requestsPerSecond, say, signal }))
  const isDry = flags.delete !== true
  const outcomes: CleanOutcome[] = []
  try {
    for (const repository of await chosen(client, flags.repository, policy)) {
      const outcome = await cleanRepository(client, repository, { policy, isDry, nowMs: host.clock.date().getTime() })
      outcomes.push(outcome)
      const kept = flags.showKept === true ? keptLinesOf(outcome) : []
      for (const line of [...linesOf(outcome, isDry), ...kept]) host.stdout.write(`${line}\n`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
    throw new RunnerError(
      'CANCELLED',
      'the clean-up was stopped',
      'start it again: what it has deleted is in its output',
    )
  } finally {
    say(summaryOf(outcomes, isDry))
  }
  if (isDry) say('dry run: nothing was deleted; add --delete to delete')
}

/**
 * Only what some rule can match is read at all. The registry is asked for its repositories only where a name has a
 * wildcard: Docker Hub does not list them.
 */
async function chosen(client: RegistryClient, named: readonly string[], { rules }: CleanPolicy): Promise<string[]> {
  const inRules = [...new Set(rules.flatMap(({ repositories }) => repositories))]
  const exact = [named, inRules].find((names) => names.length > 0 && !names.some(hasWildcard))
  const all = exact ?? (await listed(client))
  const wanted = named.length === 0 ? all : all.filter((name) => isListed(name, named))
  return wanted.filter((name) => isListed(name, inRules))
}

async function listed(client: RegistryClient): Promise<string[]> {
  try {
    return await client.repositories()
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== 'API') throw error
    throw new RunnerError(
      'API',
      `${error.message}: it does not list its repositories`,
      'name each repository, without *, in `repositories` of every rule, or with --repository',
      { cause: error },
    )
  }
}
