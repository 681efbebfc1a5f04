import { randomBytes } from 'node:crypto'
import { Command } from 'commander'
import { stepLimits } from '../../../kata-build-runner/config/steps-json.js'
import { shortened } from '../../../kata-build-runner/model/plain-text.js'
import { buildArguments, suspectArguments } from '../../agent/build-arguments.js'
import { runGuarded } from '../../agent/guarded.js'
import { runBuild } from '../../agent/run-build.js'
import { type BudgetFlags, budgetsOf, withBudgetFlags } from '../budget-flags.js'
import { type BuildxFlag, buildxOf, withBuildxFlag } from '../buildx-flag.js'
import { duration } from '../durations.js'
import { ExitStatus } from '../exit-status.js'
import { type ImageFlags, imageBuildOf, withImageFlags } from '../image-flags.js'
import { ownHeartbeat } from '../own-heartbeat.js'
import { say } from '../say.js'
import { untilStopped } from '../until-stopped.js'

interface BuildFlags extends ImageFlags, BudgetFlags, BuildxFlag {
  timeLimit?: number
  guard: boolean
}

/** How long this program may hang. */
const ownMaxAgeMs = 30_000
const statusOfSignal = 143
/** A year: the longest duration that the guard takes. */
const longestDuration = '8784h'

export function buildCommand(): Command {
  return withBuildxFlag(withBudgetFlags(withImageFlags(new Command('build')), 'the build'))
    .description('build an image by the builder of `agent`, as a step of shm-guard that is watched by its progress')
    .option('--time-limit <duration>', 'after which the build is ended, whatever it does', duration)
    .option('--no-guard', 'build here, without shm-guard: for a step of a guard that runs already')
    .action(build)
}

async function build(context: string, flags: BuildFlags): Promise<void> {
  const budgets = budgetsOf('build', flags)
  const args = buildArguments(imageBuildOf(context, flags))
  for (const name of suspectArguments(flags.buildArg)) {
    say(
      `warning: --build-arg ${name} stays in the history of the image; use --secret id=${name.toLowerCase()},env=${name}`,
    )
  }
  const buildx = await buildxOf(flags)
  if (flags.guard) return await buildGuarded(flags, budgets.longestMs)
  using heartbeat = ownHeartbeat('build', ownMaxAgeMs)
  const show = (line: string) => process.stdout.write(`${line}\n`)
  const { code, signal } = await untilStopped((stop) =>
    runBuild({ buildx, args, budgets, heartbeat, ownMaxAgeMs, show, say, signal: stop }),
  )
  if (signal !== null || code !== 0) throw new ExitStatus(code ?? statusOfSignal)
}

/** Runs this command again as the only step of a guard, which ends it if it hangs. */
async function buildGuarded({ tag, timeLimit }: BuildFlags, longestSilenceMs: number): Promise<void> {
  const code = await untilStopped((signal) =>
    runGuarded({
      argv: [process.execPath, ...withoutGuard(process.argv.slice(1))],
      region: `build-${randomBytes(6).toString('hex')}`,
      name: shortened(tag[0] ?? 'image', stepLimits.nameBytes / 4),
      timeLimit: timeLimit === undefined ? undefined : `${Math.ceil(timeLimit)}ms`,
      // The phases of the steps find a stall before the guard's own look at the output does.
      silenceBudget: Number.isFinite(longestSilenceMs) ? `${2 * longestSilenceMs}ms` : longestDuration,
      signal,
    }),
  )
  if (code !== 0) throw new ExitStatus(code)
}

function withoutGuard(args: string[]): string[] {
  const end = args.indexOf('--')
  const flags = end < 0 ? args : args.slice(0, end)
  return [...flags, '--no-guard', ...args.slice(flags.length)]
}
