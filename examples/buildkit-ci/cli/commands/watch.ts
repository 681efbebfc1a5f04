import { Command } from 'commander'
import { BuildkitConnection } from '../../buildkit-api/connection.js'
import { WatchMetrics } from '../../watch/metrics.js'
import { watchServer } from '../../watch/server.js'
import { Voice } from '../../watch/voice.js'
import { Watcher } from '../../watch/watcher.js'
import { type BudgetFlags, budgetsOf, withBudgetFlags } from '../budget-flags.js'
import { connectionOf, type DaemonFlags, withDaemonFlags } from '../daemon-flags.js'
import { duration, durationOrZero } from '../durations.js'
import { type ListenPlace, listening, listenPlaceOf } from '../listen.js'
import { ownHeartbeat } from '../own-heartbeat.js'
import { say } from '../say.js'
import { untilStopped } from '../until-stopped.js'

interface WatchFlags extends DaemonFlags, BudgetFlags {
  daemonRegion: string
  worker: string
  region?: string
  interval: number
  apiAnswer: number
  listen?: ListenPlace
  drainTimeout: number
  settle: number
}

export function watchCommand(): Command {
  return withBudgetFlags(withDaemonFlags(new Command('watch')), 'the daemon, if nothing in it makes progress')
    .description("watch buildkitd from beside it: by one connection, and by its builds' progress")
    .option('--daemon-region <name>', "the region of the daemon's guard", 'buildkitd')
    .option('--worker <name>', "this watcher's worker in it, as the guard's --watcher names it", 'builds')
    .option('--region <name>', "the region of the watcher's own container (default: SHM_LIVENESS_REGION; else none)")
    .option('--interval <duration>', 'how often to ask the daemon', duration, 5000)
    .option('--api-answer <duration>', 'how long it may take to answer', duration, 60_000)
    .option('--listen <address:port>', 'serve /drain and /metrics', listenPlaceOf)
    .option('--drain-timeout <duration>', 'how long /drain waits for builds', duration, 1_800_000)
    .option('--settle <duration>', 'how long /drain waits for late clients', durationOrZero, 10_000)
    .action(watch)
}

async function watch(flags: WatchFlags): Promise<void> {
  const budgets = budgetsOf('daemon', flags)
  const { daemonRegion, worker, interval: intervalMs, apiAnswer: apiAnswerMs } = flags
  using connection = new BuildkitConnection(connectionOf(flags))
  // The voice's own silence means nothing to the guard. Its max age is what `shm-liveness status` shows.
  using voice = new Voice({ region: daemonRegion, name: worker, maxAgeMs: 4 * intervalMs })
  using own = ownHeartbeat('watch', 4 * intervalMs, flags.region)
  const metrics = new WatchMetrics(() => watcher)
  const watcher: Watcher = new Watcher({
    ...{ connection, voice, intervalMs, apiAnswerMs, budgets, say },
    onLook(judgement) {
      own?.beat()
      metrics.look(judgement)
    },
  })
  const { drainTimeout: drainTimeoutMs, settle: settleMs } = flags
  const server = watchServer({ watcher, metrics, settleMs, drainTimeoutMs, say })
  await using _ = await listening(server, flags.listen)
  own?.ready()
  say(`watching buildkitd at ${flags.addr}`)
  await untilStopped((signal) => watcher.run(signal))
}
