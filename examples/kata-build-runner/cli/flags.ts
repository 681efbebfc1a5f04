import { access, constants, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { durationMs } from '../config/durations.js'
import { type ExecutorConfig, readExecutorConfig } from '../config/executor-config.js'
import { usualTiming } from '../follow/timing.js'
import { RunnerError, type RunnerErrorCode } from '../model/runner-error.js'
import { resultPlaceOf } from '../report/result-place.js'

/** What every command takes. */
export interface CommonFlags {
  config: string
  kubeconfig?: string
}

/** What commands that follow a build take. */
export interface FollowFlags extends CommonFlags {
  result?: string
  progress?: true
  /** Milliseconds. */
  patience: number
}

export function withCommonFlags(command: Command): Command {
  return command
    .requiredOption('--config <file>', "the executors' config: executor.yaml")
    .option('--kubeconfig <file>', 'in place of KUBECONFIG and ~/.kube/config')
}

export function withFollowFlags(command: Command): Command {
  return withCommonFlags(command)
    .option('--result <file>', 'write the result there, as JSON')
    .option('--progress', 'show progress on standard error also where that is no terminal')
    .addOption(patience())
}

function patience(): Option {
  return new Option('--patience <duration>', 'how long the API server may be gone until the build is left running')
    .argParser(duration)
    .default(usualTiming.patienceMs, `${usualTiming.patienceMs / 60_000}m`)
}

function duration(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('It is no duration, such as 90s or 10m.')
  return ms
}

/** @throws RunnerError `CONFIG_INVALID` */
export async function readConfig({ config }: CommonFlags): Promise<ExecutorConfig> {
  return readExecutorConfig(await readText(config, 'CONFIG_INVALID'), config)
}

/** @throws RunnerError with that code, if the file cannot be read */
export async function readText(path: string, code: RunnerErrorCode): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new RunnerError(code, `cannot read ${path}: ${why}`, 'name a file that exists and can be read', {
      cause: error,
    })
  }
}

/**
 * Whether the result can be written, asked before a build is launched: after it that would be too late.
 *
 * @throws RunnerError `RESULT_FILE`
 */
export async function expectWritable({ result }: FollowFlags): Promise<void> {
  if (result === undefined) return
  try {
    const place = await resultPlaceOf(result)
    if (place.kind === 'file') await access(dirname(place.path), constants.W_OK)
    if (place.kind === 'stream') await access(place.path, constants.W_OK)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const remedy = 'name a file in a directory that exists and can be written to'
    throw new RunnerError('RESULT_FILE', `cannot write the result to ${result}: ${why}`, remedy, { cause: error })
  }
}
