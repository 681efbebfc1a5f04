import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'
import { durationWords } from '../report/durations.js'
import { lossWords } from '../report/loss-words.js'
import { writeResult } from '../report/result-file.js'
import type { FollowFlags } from './flags.js'
import type { Host } from './host.js'

/** Says how a build ended, writes its result, and sets the exit status. */
export async function report(
  host: Host,
  result: BuildResult,
  flags: FollowFlags,
  say: (text: string) => void,
): Promise<void> {
  for (const line of wordsOf(result, flags)) say(line)
  host.setExitCode(result.exitCode)
  await writeDown(result, flags, say)
}

/** Writes the result's file. Where that fails the build's own exit status still counts, and the error is only said. */
export async function writeDown(
  result: BuildResult | readonly BuildResult[],
  { result: path }: FollowFlags,
  say: (text: string) => void,
): Promise<void> {
  if (path === undefined) return
  try {
    await writeResult(path, result)
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error
    say(`${error.message}; ${error.remedy}`)
  }
}

export function wordsOf(result: BuildResult, flags: FollowFlags): string[] {
  const { build, failure, log, namespace, job, outcome } = result
  const losses = log.isComplete || result.times.started === undefined ? [] : [lossWords(log)]
  if (outcome === 'left-running') {
    return [
      ...losses,
      ...(failure?.kind === 'launch' ? [failure.summary] : []),
      `build ${build} is left as it is: Job ${job} in namespace ${namespace}`,
      `go on with: ${attachCommand(build, flags)}`,
    ]
  }
  if (failure === undefined) return [...losses, `build ${build} succeeded${timeWords(result)}`]
  return [
    ...losses,
    `build ${build} ${outcome} (${failure.kind}): ${failure.summary}`,
    ...failure.evidence.map((line) => `  ${line}`),
    `what to do: ${failure.remedy}`,
  ]
}

function timeWords({ setUpMs, overallMs }: BuildResult): string {
  if (setUpMs === undefined || overallMs === undefined) return ''
  return ` in ${durationWords(overallMs)}, ${durationWords(setUpMs)} of it to set up`
}

export function attachCommand(build: string, { config, kubeconfig }: FollowFlags): string {
  const words = [
    'build-runner',
    'attach',
    '--config',
    config,
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    build,
  ]
  return words.map((word) => (/^[\w./:@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}
