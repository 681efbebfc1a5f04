/** Which pods there are, and what their containers are in. */
import { type Fields, fieldOf, isFields, objectsOf, textOf } from '../../kubernetes/shape.js'
import type { PodSpec } from '../../kubernetes/types.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { printable } from '../output.js'
import type { Kubectl } from './kubectl.js'

export interface Pod {
  namespace: string
  name: string
  spec: PodSpec
  /** `Pending`, `Running`, `Succeeded` … */
  phase: string
  /** By name, of all kinds of containers. */
  containers: ReadonlyMap<string, Fields>
}

/**
 * @param words what `kubectl get pods` is asked for: names or a selector
 * @throws CommandError `unreadable`, with kubectl's reason
 */
export async function podsOf(kubectl: Kubectl, words: readonly string[]): Promise<Pod[]> {
  const { code, stdout, complaint } = await kubectl.run(['get', 'pods', '-o', 'json', ...words])
  if (code !== 0) throw new CommandError(exitCodes.unreadable, `kubectl get pods: ${complaint || `exit code ${code}`}`)
  // With --ignore-not-found, nothing at all.
  if (stdout.trim() === '') return []
  const found: unknown = JSON.parse(stdout)
  if (!isFields(found)) return []
  const items = found['kind'] === 'List' || found['kind'] === 'PodList' ? found['items'] : [found]
  return objectsOf(items as object[]).map(podOf)
}

function podOf(object: object): Pod {
  const [metadata, spec, status] = ['metadata', 'spec', 'status'].map((name) => {
    const value = fieldOf(object, name)
    return isFields(value) ? value : {}
  }) as [Fields, Fields, Fields]
  const statuses = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'].flatMap((name) =>
    objectsOf(status[name] as Fields[]),
  )
  return {
    namespace: textOf(metadata['namespace']) ?? '',
    name: textOf(metadata['name']) ?? '',
    spec: { containers: [], ...spec },
    phase: textOf(status['phase']) ?? 'Unknown',
    containers: new Map(statuses.map((each) => [textOf(each['name']) ?? '', each])),
  }
}

/** Why a container cannot be asked now; undefined, if it runs. */
export function whyNotRunning({ phase, containers }: Pod, name: string): string | undefined {
  const state = containers.get(name)?.['state']
  if (!isFields(state)) return `pod is ${phase}; container "${name}" has no status yet`
  if (isFields(state['running'])) return undefined
  const [kind = 'unknown', detail] = Object.entries(state)[0] ?? []
  const { reason, message, exitCode } = isFields(detail) ? detail : ({} as Fields)
  const parts = [reason, typeof exitCode === 'number' ? `exit code ${exitCode}` : undefined, message]
  const known = parts.filter((part) => typeof part === 'string' && part !== '')
  return printable(`container "${name}" is ${kind}${known.length === 0 ? '' : `: ${known.join(', ')}`}`)
}
