import { Command } from 'commander'
import { statusOf } from '../api/api-error.js'
import { type BuildFile, readBuildFile } from '../config/build-file.js'
import { mostIdCharacters } from '../config/build-schema.js'
import { runBuild } from '../follow/attempts.js'
import { expectLaunchable } from '../launch/launch.js'
import { exitCodes } from '../model/exit-codes.js'
import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'
import { compareTable } from '../report/compare-table.js'
import { route } from '../routing/route.js'
import { environmentValues } from './environment-values.js'
import { expectWritable, type FollowFlags, readConfig, readText, withFollowFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { positive } from './numbers.js'
import { findBuild, type Place, placeOf, placesOf } from './places.js'
import { wordsOf, writeDown } from './report.js'
import { Session } from './session.js'

interface CompareFlags extends FollowFlags {
  runtimeClass: string[]
  repeat: number
  showOutput?: true
}

export function compareCommand(host = processHost): Command {
  return withFollowFlags(new Command('compare'))
    .description('run a build under several runtime classes, one after the other, and print how long it took')
    .argument('<build.yaml>', 'the build; each run gets an id of its own, <id>-<class>-<n>')
    .requiredOption('--runtime-class <name>', 'a class to compare; give at least two', collected, [])
    .option('--repeat <n>', 'runs of each class', positive, 1)
    .option('--show-output', "the builds' output, on standard error")
    .action((file: string, flags: CompareFlags) => compare(host, file, flags))
}

function collected(name: string, before: string[]): string[] {
  return [...before, name]
}

async function compare(host: Host, file: string, flags: CompareFlags): Promise<void> {
  const classes = [...new Set(flags.runtimeClass)]
  if (classes.length < 2) {
    throw new RunnerError('USAGE', '--runtime-class names fewer than two classes', 'give it once for each class')
  }
  await expectWritable(flags)
  const config = await readConfig(flags)
  const build = readBuildFile(await readText(file, 'BUILD_INVALID'), file)
  const runs = runsOf(build, classes, flags.repeat)
  const routed = route(build, config)
  const secretValues = environmentValues(host)
  for (const each of runs) {
    const { runtimeClass } = each
    const { jobsNamespace: namespace } = routed.executor.kubernetes
    expectLaunchable({
      build: each,
      route: { ...routed, runtimeClass },
      attempt: 1,
      namespace,
      nonce: '',
      secretValues,
    })
  }
  await using session = new Session(host, flags, {
    build: build.id,
    ...(flags.showOutput === undefined ? {} : { output: host.stderr }),
  })
  const places = placesOf(config, session.open)
  const place = placeOf(places, routed.executor)
  const results: BuildResult[] = []
  try {
    for (const each of runs) {
      if (session.interruption.cancel.aborted) break
      const found = await findBuild([place], each.id, session.say)
      const order = {
        build: each,
        route: { ...routed, runtimeClass: each.runtimeClass },
        secretValues,
      }
      const result = await runBuild(await session.around(place, each.id), order, session.screen, found?.job)
      results.push(result)
      tell(result, flags, session.say)
      // Or the same comparison, made again within the hour, would find this one's results.
      if (result.outcome !== 'left-running') await removeJob(place, result, session.say)
    }
  } finally {
    // Also where a later run could not even be looked for: what was measured before stays.
    host.stdout.write(compareTable(results))
    await writeDown(results, flags, session.say)
  }
  host.setExitCode(exitCodeOf(results, session.interruption.cancel.aborted))
}

/** That Job and no other: somebody may have deleted it, and launched another of its name. */
async function removeJob({ api }: Place, { job, jobUid: uid }: BuildResult, say: (text: string) => void) {
  if (uid === undefined) return
  try {
    await api.deleteJob(job, { uid, propagation: 'Background' })
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error
    const status = statusOf(error)
    if (status !== 404 && status !== 409) say(`the next comparison would find this one's figures: ${error.message}`)
  }
}

function tell(result: BuildResult, flags: FollowFlags, say: (text: string) => void): void {
  const { build, failure, outcome } = result
  if (outcome === 'left-running') for (const line of wordsOf(result, flags)) say(line)
  else say(`build ${build}: ${outcome}${failure === undefined ? '' : `: ${failure.summary}`}`)
}

function exitCodeOf(results: readonly BuildResult[], isCancelled: boolean): number {
  if (!isCancelled) return results.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0
  const isLeft = results.some(({ outcome }) => outcome === 'left-running')
  return isLeft ? exitCodes.leftRunning.code : exitCodes.cancelled.code
}

/** By turns, so that a slow hour of the cluster is no class's own. */
function runsOf(build: BuildFile, classes: string[], repeat: number): BuildFile[] {
  const turns = Array.from({ length: repeat }, (_, index) => index + 1)
  return turns.flatMap((turn) =>
    classes.map((runtimeClass) => ({ ...build, id: idOf(build, runtimeClass, turn), runtimeClass })),
  )
}

function idOf({ id }: BuildFile, runtimeClass: string, turn: number): string {
  const own = `${id}-${runtimeClass.replaceAll('.', '-')}-${turn}`
  if (own.length <= mostIdCharacters) return own
  throw new RunnerError(
    'BUILD_INVALID',
    `the id "${own}" of a run has ${own.length} characters, more than ${mostIdCharacters}`,
    `shorten the build's id "${id}"`,
  )
}
