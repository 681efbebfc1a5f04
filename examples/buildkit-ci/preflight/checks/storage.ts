import { error, type Finding, ok, warning } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Cluster } from '../cluster.js'

const defaultAnnotation = 'storageclass.kubernetes.io/is-default-class'
const what = 'storage'

/** Whether the classes of all volumes are there, or a default class where none is named. */
export async function checkStorage(cluster: Cluster, config: CiConfig): Promise<Finding[]> {
  const wanted = volumesOf(config)
  if (wanted.length === 0) return []
  const classes = await cluster.storageClasses()
  const missing = wanted.filter(
    ({ name }) => name !== undefined && !classes.some(({ metadata }) => metadata?.name === name),
  )
  const unnamed = wanted.filter(({ name }) => name === undefined)
  const hasDefault = classes.some(({ metadata }) => metadata?.annotations?.[defaultAnnotation] === 'true')
  const known = classes.map(({ metadata }) => metadata?.name).join(', ') || 'none'
  const findings = [
    ...missing.map(({ name, of }) =>
      error(what, `there is no StorageClass "${name}", which ${of} names`, `name one of: ${known}`),
    ),
    ...(unnamed.length > 0 && !hasDefault
      ? [
          error(
            what,
            `${unnamed.map(({ of }) => of).join(', ')}: no StorageClass is named, and the cluster has no default`,
            `set storageClass to one of: ${known}`,
          ),
        ]
      : []),
    ...lastingOf(config, classes),
  ]
  return findings.length > 0 ? findings : [ok(what, `all ${wanted.length} volumes have a StorageClass`)]
}

interface Wanted {
  name: string | undefined
  /** The key of ci.yaml. */
  of: string
}

function volumesOf({ daemon, proxies, localRegistry }: CiConfig): Wanted[] {
  const { storage } = daemon
  return [
    ...(storage.kind === 'volume' ? [{ name: storage.storageClass, of: 'daemon.storage' }] : []),
    ...Object.entries(proxies.upstreams).map(([host, { storageClass }]) => ({
      name: storageClass,
      of: `proxies.upstreams.${host}`,
    })),
    ...(localRegistry === undefined ? [] : [{ name: localRegistry.storageClass, of: 'localRegistry' }]),
  ]
}

/** A volume that cannot grow is one that a full cache is moved from by hand. */
function lastingOf({ daemon }: CiConfig, classes: Awaited<ReturnType<Cluster['storageClasses']>>): Finding[] {
  const { kind, storageClass } = daemon.storage
  const used = classes.find(({ metadata }) => metadata?.name === storageClass)
  if (kind !== 'volume' || used === undefined || used.allowVolumeExpansion === true) return []
  const found = `volumes of StorageClass "${storageClass}" cannot grow`
  return [warning(what, found, 'choose daemon.storage.size with care, or a class with allowVolumeExpansion')]
}
