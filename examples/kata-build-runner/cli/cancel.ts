import { Command } from 'commander'
import { followOptions } from '../follow/attempts.js'
import { cancelBuild } from '../follow/cancel-from-outside.js'
import { isFinished } from '../launch/launch.js'
import { exitCodes } from '../model/exit-codes.js'
import { type CommonFlags, readConfig, withCommonFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { mustFind, placesOf } from './places.js'
import { Session } from './session.js'

export function cancelCommand(host = processHost): Command {
  return withCommonFlags(new Command('cancel'))
    .description('end a build and remove it; whoever follows it still gets the end of its log')
    .argument('<build-id>', 'the id that the build file has')
    .action((build: string, flags: CommonFlags) => cancel(host, build, flags))
}

async function cancel(host: Host, build: string, flags: CommonFlags): Promise<void> {
  const config = await readConfig(flags)
  await using session = new Session(host, flags, { build })
  const { place, job, executor } = await mustFind(placesOf(config, session.open), build, session.say)
  const hadEnded = isFinished(job)
  const isGone = await cancelBuild(await session.around(place, build), job, followOptions(executor), session.say)
  const name = job.metadata?.name
  const words = hadEnded ? 'had ended before, and nothing was cancelled;' : 'is cancelled, and'
  session.say(
    isGone ? `build ${build} ${words} Job ${name} is gone` : `Job ${name} is asked to end, and is still there`,
  )
  if (!isGone) host.setExitCode(exitCodes.leftRunning.code)
}
