import { Command, Option } from 'commander'
import type { Executor } from '../config/executor-config.js'
import { exitCodes } from '../model/exit-codes.js'
import { plain } from '../model/plain-text.js'
import { RunnerError } from '../model/runner-error.js'
import { checkPermissions, checkVersion } from './checks/access.js'
import { checkAdmission, preflightId } from './checks/admission.js'
import { error, type Finding } from './checks/finding.js'
import { checkRuntimeClass } from './checks/runtime-class.js'
import { checkSelfTest } from './checks/self-test.js'
import { type CommonFlags, readConfig, withCommonFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { type Place, placeOf, placesOf } from './places.js'
import { Session } from './session.js'

interface PreflightFlags extends CommonFlags {
  executor?: string
  selfTest: boolean
}

const words = ['stopping; once more leaves what the self-test made', 'leaving it'] as const

export function preflightCommand(host = processHost): Command {
  return withCommonFlags(new Command('preflight'))
    .description('look whether a cluster is ready for builds; exit 3 if it is not')
    .option('--executor <name>', 'only this one')
    .addOption(new Option('--no-self-test', 'run nothing in the cluster'))
    .action((flags: PreflightFlags) => preflight(host, flags))
}

async function preflight(host: Host, flags: PreflightFlags): Promise<void> {
  const config = await readConfig(flags)
  const chosen = [...config.executors.values()].filter(
    ({ name }) => flags.executor === undefined || name === flags.executor,
  )
  if (chosen.length === 0) {
    throw new RunnerError(
      'USAGE',
      `the config has no executor "${flags.executor}"`,
      `name one of ${[...config.executors.keys()].join(', ')}`,
    )
  }
  await using session = new Session(host, flags, { build: 'preflight', interrupted: words })
  const { cancel } = session.interruption
  const places = placesOf(config, session.open)
  let isReady = true
  for (const executor of chosen) {
    for await (const finding of findings(executor, placeOf(places, executor), session, flags)) {
      host.stdout.write(lineOf(executor, finding))
      isReady &&= finding.level !== 'error'
      if (cancel.aborted) break
    }
    if (cancel.aborted) break
  }
  const ready = isReady ? 0 : exitCodes.neverStarted.code
  host.setExitCode(cancel.aborted ? exitCodes.cancelled.code : ready)
}

/** From what all else needs to what takes longest. */
async function* findings(
  executor: Executor,
  place: Place,
  session: Session,
  flags: PreflightFlags,
): AsyncGenerator<Finding> {
  const { api, namespace } = place
  const version = await checkVersion(api)
  yield version
  if (version.level === 'error') return
  yield* await guarded('permissions', () => checkPermissions(api, namespace))
  yield* await guarded('RuntimeClass', async () => [await checkRuntimeClass(api, executor)])
  yield* await guarded('admission', async () => [await checkAdmission(api, executor, namespace)])
  if (!flags.selfTest) return
  const id = preflightId()
  yield await checkSelfTest(await session.around(place, id), executor, id, session.say)
}

async function guarded(what: string, check: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check()
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    return [error(what, failure.message, failure.remedy)]
  }
}

function lineOf({ name }: Executor, { level, what, found, hint }: Finding): string {
  const line = `${level.padEnd(7)} ${name}: ${what}: ${plain(found)}\n`
  return hint === undefined ? line : `${line}${' '.repeat(8)}${plain(hint)}\n`
}
