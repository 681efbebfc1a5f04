import { Command } from 'commander'
import { followOptions } from '../follow/attempts.js'
import { followBuild } from '../follow/build.js'
import { resultOf } from '../follow/result.js'
import { isLaunched } from '../launch/launch.js'
import { RunnerError } from '../model/runner-error.js'
import { expectWritable, type FollowFlags, readConfig, withFollowFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { mustFind, placesOf } from './places.js'
import { report } from './report.js'
import { Session } from './session.js'

export function attachCommand(host = processHost): Command {
  return withFollowFlags(new Command('attach'))
    .description('take a launched build over, after its runner was lost; the log is read from its start')
    .argument('<build-id>', 'the id that the build file has')
    .action((build: string, flags: FollowFlags) => attach(host, build, flags))
}

async function attach(host: Host, build: string, flags: FollowFlags): Promise<void> {
  await expectWritable(flags)
  const config = await readConfig(flags)
  await using session = new Session(host, flags, { build, output: host.stdout })
  const { place, job, executor } = await mustFind(placesOf(config, session.open), build, session.say)
  const name = job.metadata?.name
  if (!isLaunched(job)) {
    throw new RunnerError(
      'LAUNCH_INCOMPLETE',
      `Job ${name} of build ${build} is suspended: its runner was lost while launching it`,
      'use `run` with the same build file again, which goes on from there; `cancel` removes it',
    )
  }
  const around = await session.around(place, build)
  const ending = await followBuild(around, job, session.screen, followOptions(executor))
  await report(host, resultOf(job, ending, []), flags, session.say)
}
