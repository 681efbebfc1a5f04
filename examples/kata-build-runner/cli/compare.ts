import { Command } from 'commander'
import { type BuildFile, readBuildFile } from '../config/build-file.js'
import { runBuild } from '../follow/attempts.js'
import { exitCodes } from '../model/exit-codes.js'
import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'
import { compareTable } from '../report/compare-table.js'
import { writeResult } from '../report/result-file.js'
import { route } from '../routing/route.js'
import { environmentValues } from './environment-values.js'
import { expectWritable, type FollowFlags, readConfig, readText, withFollowFlags } from './flags.js'
import { positive } from './numbers.js'
import { findBuild, placeOf, placesOf } from './places.js'
import { Session } from './session.js'

const mostIdCharacters = 50

interface CompareFlags extends FollowFlags {
  runtimeClass: string[]
  repeat: number
  showOutput?: true
}

export function compareCommand(): Command {
  return withFollowFlags(new Command('compare'))
    .description('run a build under several runtime classes, one after the other, and print how long it took')
    .argument('<build.yaml>', 'the build; each run gets an id of its own, <id>-<class>-<n>')
    .requiredOption('--runtime-class <name>', 'a class to compare; give at least two', collected, [])
    .option('--repeat <n>', 'runs of each class', positive, 1)
    .option('--show-output', "the builds' output, on standard error")
    .action(compare)
}

function collected(name: string, before: string[]): string[] {
  return [...before, name]
}

async function compare(file: string, flags: CompareFlags): Promise<void> {
  const classes = [...new Set(flags.runtimeClass)]
  if (classes.length < 2) {
    throw new RunnerError('USAGE', '--runtime-class names fewer than two classes', 'give it once for each class')
  }
  await expectWritable(flags)
  const config = await readConfig(flags)
  const build = readBuildFile(await readText(file, 'BUILD_INVALID'), file)
  const runs = runsOf(build, classes, flags.repeat)
  const routed = route(build, config)
  await using session = new Session(flags, {
    build: build.id,
    ...(flags.showOutput === undefined ? {} : { output: process.stderr }),
  })
  const places = placesOf(config, session.open)
  const place = placeOf(places, routed.executor)
  const results: BuildResult[] = []
  for (const each of runs) {
    if (session.interruption.cancel.aborted) break
    const found = await findBuild([place], each.id, session.say)
    const order = {
      build: each,
      route: { ...routed, runtimeClass: each.runtimeClass },
      secretValues: environmentValues(),
    }
    const result = await runBuild(await session.around(place, each.id), order, session.screen, found?.job)
    results.push(result)
    session.say(
      `build ${each.id}: ${result.outcome}${result.failure === undefined ? '' : `: ${result.failure.summary}`}`,
    )
    // Or the same comparison, made again within the hour, would find this one's results.
    if (result.outcome !== 'left-running')
      await place.api.deleteJob(result.job, { propagation: 'Background' }).catch(ignored)
  }
  process.stdout.write(compareTable(results))
  process.exitCode = session.interruption.cancel.aborted
    ? exitCodes.cancelled.code
    : (results.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0)
  if (flags.result !== undefined) await writeResult(flags.result, results)
}

function ignored(): void {}

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
