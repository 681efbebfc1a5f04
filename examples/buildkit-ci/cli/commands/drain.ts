import { Command } from 'commander'
import { systemClock } from '../../../kata-build-runner/model/clock.js'
import { BuildkitConnection } from '../../buildkit-api/connection.js'
import { drain } from '../../drain/drain.js'
import { CiError } from '../../model/ci-error.js'
import { drainText } from '../../watch/server.js'
import { connectionOf, type DaemonFlags, withDaemonFlags } from '../daemon-flags.js'
import { duration, durationOrZero } from '../durations.js'
import { say } from '../say.js'
import { untilStopped } from '../until-stopped.js'

interface DrainFlags extends DaemonFlags {
  timeout: number
  settle: number
}

export function drainCommand(): Command {
  return withDaemonFlags(new Command('drain'))
    .description('wait until no build runs in a daemon; in a pod, /drain of `watch` does the same as a preStop hook')
    .option('--timeout <duration>', 'how long to wait', duration, 1_800_000)
    .option('--settle <duration>', 'how long no build may have run', durationOrZero, 10_000)
    .action(waitForBuilds)
}

async function waitForBuilds(flags: DrainFlags): Promise<void> {
  using connection = new BuildkitConnection(connectionOf(flags))
  const outcome = await untilStopped((signal) =>
    drain({
      async look() {
        const askedMs = systemClock.now()
        const answer = await connection.ask(flags.timeout)
        if (answer.kind === 'answered') return { refs: answer.activeRefs, isOver: undefined, askedMs }
        const isOver = answer.kind === 'absent' ? `no daemon is at ${flags.addr}` : 'the daemon does not answer'
        return { refs: undefined, isOver, askedMs }
      },
      ...{ settleMs: flags.settle, timeoutMs: flags.timeout, say, signal },
    }),
  )
  say(drainText(outcome))
  if (outcome.kind === 'timeout') {
    throw new CiError(
      'DRAIN_TIMEOUT',
      outcome.refs === undefined
        ? 'builds may still run: the daemon did not say that none does'
        : `builds still run: ${outcome.refs.join(', ')}`,
      'raise --timeout, or cancel them',
    )
  }
  if (outcome.kind === 'over') {
    throw new CiError('DAEMON_ABSENT', outcome.why, 'check --addr and the flags of TLS; see the log of the daemon')
  }
}
