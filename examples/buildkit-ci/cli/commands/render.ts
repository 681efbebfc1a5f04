import { Command, Option } from 'commander'
import { type Host, processHost } from '../../../kata-build-runner/cli/host.js'
import { manifestsOf } from '../../render/manifests.js'
import { componentLabel, components } from '../../render/names.js'
import { yamlOf } from '../../render/yaml.js'
import { type ConfigFlag, configOf, withConfigFlag } from '../config-flag.js'

interface RenderFlags extends ConfigFlag {
  component?: string[]
}

export function renderCommand(host: Host = processHost): Command {
  return withConfigFlag(new Command('render'))
    .description('write the manifests to standard output: kubectl apply -f -, or commit them')
    .addOption(new Option('--component <name...>', 'only these parts').choices(components))
    .action((flags: RenderFlags) => render(host, flags))
}

async function render(host: Host, flags: RenderFlags): Promise<void> {
  const { component } = flags
  const manifests = manifestsOf(await configOf(flags)).filter(
    ({ metadata }) => component === undefined || component.includes(metadata.labels?.[componentLabel] ?? ''),
  )
  host.stdout.write(yamlOf(manifests))
}
