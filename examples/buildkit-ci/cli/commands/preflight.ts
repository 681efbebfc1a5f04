import { Command } from 'commander'
import type { Finding } from '../../../kata-build-runner/cli/checks/finding.js'
import { type Host, processHost } from '../../../kata-build-runner/cli/host.js'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { type ConfigFlag, configOf, withConfigFlag } from '../config-flag.js'
import { exitCodes } from '../exit-codes.js'

interface PreflightFlags extends ConfigFlag {
  kubeconfig?: string
}

export function preflightCommand(host: Host = processHost): Command {
  return withConfigFlag(new Command('preflight'))
    .description(
      'say what a cluster lacks for the manifests; it changes nothing, and exits with 3 if something is missing',
    )
    .option('--kubeconfig <file>', 'in place of KUBECONFIG and ~/.kube/config')
    .action((flags: PreflightFlags) => look(host, flags))
}

async function look(host: Host, flags: PreflightFlags): Promise<void> {
  // Not at the start: a client of Kubernetes takes 60 MiB of each process, and `watch` has 128.
  const [{ connect }, { preflight }] = await Promise.all([
    import('../../preflight/cluster.js'),
    import('../../preflight/preflight.js'),
  ])
  const config = await configOf(flags)
  const { kubeconfig } = flags
  const environment = kubeconfig === undefined ? host.env : { ...host.env, KUBECONFIG: kubeconfig }
  let isReady = true
  for await (const finding of preflight(connect(environment, host.clock), config)) {
    host.stdout.write(lineOf(finding))
    isReady &&= finding.level !== 'error'
  }
  host.setExitCode(isReady ? exitCodes.done.code : exitCodes.notReady.code)
}

function lineOf({ level, what, found, hint }: Finding): string {
  const line = `${level.padEnd(7)} ${what}: ${plain(found)}\n`
  return hint === undefined ? line : `${line}${' '.repeat(8)}${plain(hint)}\n`
}
