import { Command } from 'commander'
import { createBuilder } from '../../agent/buildx.js'
import { runAgent } from '../../agent/run-agent.js'
import { shardOf } from '../../agent/shard.js'
import { CiError } from '../../model/ci-error.js'
import { type BuildxFlag, buildxOf, withBuildxFlag } from '../buildx-flag.js'
import { type TlsFlags, tlsOf, withTlsFlags } from '../daemon-flags.js'
import { duration } from '../durations.js'
import { ExitStatus } from '../exit-status.js'
import { ownHeartbeat } from '../own-heartbeat.js'
import { say } from '../say.js'
import { untilStopped } from '../until-stopped.js'

interface AgentFlags extends TlsFlags, BuildxFlag {
  daemon: string[]
  repository: string
  builder: string
  beatMaxAge: number
  region?: string
}

export function agentCommand(): Command {
  return withBuildxFlag(withTlsFlags(new Command('agent')))
    .description('attach a buildx builder to the daemon of a repository, then run the CI agent and beat beside it')
    .argument('<command...>', 'the CI agent and its arguments, after --')
    .requiredOption('--daemon <address>', 'tcp://HOST:PORT; once for each shard', collected, [])
    .option('--repository <name>', 'whose builds share the cache of one shard', '')
    .option('--builder <name>', 'the name of the builder', 'buildkit-ci')
    .option('--beat-max-age <duration>', "the max age of the agent's worker (default: 30s)", duration, 30_000)
    .option('--region <name>', 'where it beats (default: SHM_LIVENESS_REGION; else nowhere)')
    .action(agent)
}

function collected(text: string, before: string[]): string[] {
  return [...before, text]
}

async function agent(command: string[], flags: AgentFlags): Promise<void> {
  const [first, ...others] = flags.daemon
  const [program, ...args] = command
  if (first === undefined || program === undefined) {
    throw new CiError('USAGE', 'agent needs a daemon and a command', 'agent --daemon tcp://HOST:PORT -- COMMAND')
  }
  const address = shardOf(flags.repository, [first, ...others])
  using heartbeat = ownHeartbeat('agent', flags.beatMaxAge, flags.region)
  const tls = tlsOf(flags)
  const attaching = heartbeat?.phase('attach builder', { budget: '2m' })
  const buildx = await buildxOf(flags)
  await createBuilder(buildx, { name: flags.builder, address, tls })
  say(`builder ${flags.builder} is attached to ${address}`)
  attaching?.end()
  const code = await untilStopped((signal) =>
    runAgent({
      ...{ command: [program, ...args] as const, builder: flags.builder, daemon: { address, tls } },
      ...{ heartbeat, maxAgeMs: flags.beatMaxAge, say, signal },
    }),
  )
  if (code !== 0) throw new ExitStatus(code)
}
