import type { CiConfig } from '../../config/ci-schema.js'
import { zotConfig } from '../../registry/local/zot-config.js'
import type { Manifest } from '../manifest.js'
import { localRegistryName, registryPort } from '../names.js'
import { type RegistryWorkload, registryConfigDirectory, registryDataDirectory, registryManifests } from './workload.js'

type LocalRegistry = NonNullable<CiConfig['localRegistry']>

const zotImage = 'ghcr.io/project-zot/zot:v2.1.20'
const zotFile = 'config.json'
/** No push may take longer from its first blob to its manifest. */
const collectDelay = '2h'

/** For images of CI tests: docs/registries.md says which kind collects its garbage how. */
export function localRegistryManifests(config: CiConfig): Manifest[] {
  const { localRegistry, images } = config
  if (localRegistry === undefined) return []
  const { size, storageClass, nodePort, kind } = localRegistry
  const common = { name: localRegistryName, component: 'registry', size, storageClass, nodePort } as const
  const own = kind === 'zot' ? zotParts(localRegistry) : distributionParts(localRegistry, images.ci)
  return registryManifests(config, { ...common, ...own })
}

type OwnParts = Pick<RegistryWorkload, 'image' | 'command' | 'args' | 'file' | 'healthPath'>

/** It collects garbage while it serves. */
function zotParts({ image, collectEvery }: LocalRegistry): OwnParts {
  const options = {
    ...{ address: '0.0.0.0', port: registryPort, storageDirectory: registryDataDirectory },
    ...{ collectDelay, collectEvery: collectEvery.text },
  }
  return {
    image: image ?? zotImage,
    args: ['serve', `${registryConfigDirectory}/${zotFile}`],
    file: { name: zotFile, text: `${JSON.stringify(zotConfig(options), null, 2)}\n` },
    healthPath: '/livez',
  }
}

/** Its own collector wants it read-only: `buildkit-ci registry` runs it, and holds pushes back meanwhile. */
function distributionParts({ image, collectEvery }: LocalRegistry, ci: string): OwnParts {
  return {
    image: image ?? ci,
    command: [
      'buildkit-ci',
      'registry',
      ...['--storage', registryDataDirectory, '--listen', `0.0.0.0:${registryPort}`],
      ...['--collect-every', collectEvery.text],
    ],
    healthPath: undefined,
  }
}
