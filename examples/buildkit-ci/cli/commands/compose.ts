import { dirname, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { stringify } from 'yaml'
import { readText } from '../../../kata-build-runner/cli/flags.js'
import { type Host, processHost } from '../../../kata-build-runner/cli/host.js'
import { Signals } from '../../../kata-build-runner/cli/signals.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { jobOf } from '../../compose/kubernetes/job.js'
import { doubtsAbout, type PodSecurityLevel, podSecurityLevels } from '../../compose/kubernetes/security.js'
import { Podman } from '../../compose/podman/podman.js'
import { runProject } from '../../compose/podman/run.js'
import type { Project } from '../../compose/project.js'
import { readCompose } from '../../compose/read-compose.js'

interface ComposeFlags {
  tests: string
}

interface RunFlags extends ComposeFlags {
  network?: string
  podman: string
}

interface JobFlags extends ComposeFlags {
  name?: string
  namespace?: string
  programsImage?: string
  deadlineSeconds: string
  podSecurity: PodSecurityLevel
}

const words = ['ending the tests and removing everything', 'still removing; wait for it'] as const

/** Tests beside their services without a docker daemon: docs/tests-without-docker.md. */
export function composeCommand(host: Host = processHost): Command {
  const compose = new Command('compose').description('run the tests of a compose file without a docker daemon')
  return compose.addCommand(runCommand(host)).addCommand(jobCommand(host))
}

function withFile(command: Command): Command {
  return command
    .argument('<file>', 'the compose file: compose.yaml')
    .requiredOption('--tests <service>', 'the service that is the tests: its exit status counts')
}

function runCommand(host: Host): Command {
  return withFile(new Command('run'))
    .description('run the tests and what they depend on in a podman pod; exits as the tests do, and removes everything')
    .option('--network <mode>', "the pod's network, as podman pod create has it")
    .option('--podman <path>', 'the program', 'podman')
    .action((file: string, flags: RunFlags) => run(host, file, flags))
}

function jobCommand(host: Host): Command {
  return withFile(new Command('job'))
    .description('print a Kubernetes Job: services as native sidecars, the tests as its container')
    .option('--name <name>', "the Job's name; default: the project's")
    .option('--namespace <name>', 'its namespace')
    .option('--programs-image <image>', 'the image that installs shm-probe and shm-guard')
    .option('--deadline-seconds <number>', 'when the Job is ended at the latest', '3600')
    .addOption(
      new Option('--pod-security <level>', 'the Pod Security level that the namespace enforces')
        .choices(podSecurityLevels)
        .default('restricted'),
    )
    .action((file: string, flags: JobFlags) => job(host, file, flags))
}

async function projectOf(host: Host, file: string, { tests }: ComposeFlags): Promise<Project> {
  return readCompose(await readText(file, 'CONFIG_INVALID'), file, tests, host.env)
}

async function run(host: Host, file: string, flags: RunFlags): Promise<void> {
  const project = await projectOf(host, file, flags)
  const say = (text: string) => host.stderr.write(`buildkit-ci: ${text}\n`)
  using signals = new Signals(host, say, words)
  const { cancel: signal } = signals.interruption
  const options = {
    ...{ network: flags.network, folder: dirname(resolve(file)), say, signal },
    ...{ stdout: host.stdout, stderr: host.stderr },
  }
  try {
    const code = await runProject(new Podman(flags.podman), project, options)
    say(`the tests (${flags.tests}) ended with ${code}`)
    host.setExitCode(code)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new RunnerError('CANCELLED', 'the tests were ended', 'start them again: nothing of this run is left')
  }
}

async function job(host: Host, file: string, flags: JobFlags): Promise<void> {
  const deadlineSeconds = Number(flags.deadlineSeconds)
  if (!Number.isInteger(deadlineSeconds) || deadlineSeconds < 1) {
    throw new RunnerError(
      'USAGE',
      '--deadline-seconds must be a whole number above 0',
      'give the longest time that the tests may take',
    )
  }
  const project = await projectOf(host, file, flags)
  const { namespace, programsImage, podSecurity } = flags
  const name = flags.name ?? project.name
  const manifest = jobOf(project, { name, namespace, programsImage, deadlineSeconds, podSecurity })
  for (const doubt of doubtsAbout(project.services, podSecurity)) host.stderr.write(`buildkit-ci: ${doubt}\n`)
  host.stdout.write(stringify(manifest, { lineWidth: 0 }))
}
