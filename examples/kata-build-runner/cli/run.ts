import { Command } from 'commander'
import { executorAnnotation } from '../config/annotation-names.js'
import { type BuildFile, readBuildFile } from '../config/build-file.js'
import type { Executor, ExecutorConfig } from '../config/executor-config.js'
import { runBuild } from '../follow/attempts.js'
import { unlaunched } from '../follow/unlaunched.js'
import { expectLaunchable } from '../launch/launch.js'
import { type Route, route } from '../routing/route.js'
import { environmentValues } from './environment-values.js'
import { expectWritable, type FollowFlags, readConfig, readText, withFollowFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { findBuild, placeOf, placesOf } from './places.js'
import { report } from './report.js'
import { Session } from './session.js'

export function runCommand(host = processHost): Command {
  return withFollowFlags(new Command('run'))
    .description('launch a build and stay with it: its output on standard output, all else on standard error')
    .argument('<build.yaml>', 'the build')
    .action((file: string, flags: FollowFlags) => run(host, file, flags))
}

/** Idempotent: a build that is there already, the same, goes on from where it stands. */
async function run(host: Host, file: string, flags: FollowFlags): Promise<void> {
  await expectWritable(flags)
  const config = await readConfig(flags)
  const build = readBuildFile(await readText(file, 'BUILD_INVALID'), file)
  const routed = route(build, config)
  const input = { build, route: routed, attempt: 1, nonce: '', secretValues: environmentValues(host) }
  expectLaunchable({ ...input, namespace: routed.executor.kubernetes.jobsNamespace })
  await using session = new Session(host, flags, { build: build.id, output: host.stdout })
  const places = placesOf(config, session.open)
  const preferred = placeOf(places, routed.executor)
  const found = await findBuild(places, build.id, session.say, preferred).catch(async (error: unknown) => {
    const { namespace } = preferred
    await report(host, unlaunched({ ...input, namespace }, error, { now: host.clock.date() }), flags, session.say)
    return 'unknown' as const
  })
  if (found === 'unknown') return
  const chosen = found === undefined ? routed : routeTo(found.executor, build, config)
  session.say(`build ${build.id} goes to executor ${chosen.executor.name}: ${chosen.why}`)
  const around = await session.around(found?.place ?? placeOf(places, chosen.executor), build.id)
  const order = { build, route: chosen, secretValues: environmentValues(host) }
  await report(host, await runBuild(around, order, session.screen, found?.job), flags, session.say)
}

/** The executor that the build was launched by, whatever the config says by now. */
function routeTo({ name }: Executor, build: BuildFile, config: ExecutorConfig): Route {
  const named = { ...build, annotations: { ...build.annotations, [executorAnnotation]: name } }
  return { ...route(named, config), why: 'it was launched there' }
}
