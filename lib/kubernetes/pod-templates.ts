import { isRevision, type Platform, platformOf } from './kinds.js'
import { type Fields, isFields, textOf } from './shape.js'
import type { Path, PodSpec } from './types.js'

/** A pod template inside some object, and what stands around it. */
export interface PodTemplate {
  /** From the object's root to the pod spec. */
  path: Path
  spec: PodSpec
  /** `kind` and `metadata.name` of the object that has it; empty for a bare pod spec. */
  kind: string
  name: string
  /** Of the object and of the template, the template's own first. */
  annotations: Record<string, string>
  /** Whose admission takes less than a whole pod template, if one does. */
  platform?: Platform | undefined
}

/** Deeper than any known kind has it (JobSet: 6), and an end to whatever an alias made endless. */
const deepest = 12

/**
 * All pod templates of an object: of Pod, PodTemplate, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, of
 * the items of any list (List, ResourceList), of a bare pod spec, and of kinds unknown here (Rollout, JobSet,
 * LeaderWorkerSet …), which are searched for fields whose name ends in `template` and that hold a pod spec. Of Knative's
 * kinds it has the `platform`.
 *
 * @returns templates in the object's own order; none if it has none
 */
export function podTemplates(resource: unknown): PodTemplate[] {
  return writtenTemplates(resource).filter(({ spec }) => isPodSpec(spec))
}

/**
 * As {@link podTemplates}, and in the kinds of the API itself also those whose `containers` are no list of objects, which
 * the API server refuses.
 */
export function writtenTemplates(resource: unknown): PodTemplate[] {
  return [...templatesOf(resource, [])]
}

/** Where the kinds of the API itself have their pod spec. */
const knownPlaces: ReadonlyMap<string, Path> = new Map<string, Path>([
  ['Pod', ['spec']],
  ['PodTemplate', ['template', 'spec']],
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Job'].map(
    (kind): [string, Path] => [kind, ['spec', 'template', 'spec']],
  ),
  ['CronJob', ['spec', 'jobTemplate', 'spec', 'template', 'spec']],
])

/** The pod spec of a known kind whose containers are not what they must be; undefined if they are, or are not there. */
function malformedSpec(resource: Fields, kind: string): { path: Path; spec: Fields } | undefined {
  const path = knownPlaces.get(kind)
  if (path === undefined || !/^(v1|apps\/v1|batch\/v1)?$/.test(textOf(resource['apiVersion']) ?? '')) return undefined
  const spec = path.reduce<unknown>((value, key) => (isFields(value) ? value[key] : undefined), resource)
  return isFields(spec) && spec['containers'] != null && !isPodSpec(spec) ? { path, spec } : undefined
}

function* templatesOf(resource: unknown, path: Path): Generator<PodTemplate> {
  if (!isFields(resource) || path.length > deepest) return
  const kind = textOf(resource['kind']) ?? ''
  if (Array.isArray(resource['items']) && (kind === '' || kind.endsWith('List'))) {
    for (const [index, item] of resource['items'].entries()) yield* templatesOf(item, [...path, 'items', index])
    return
  }
  const { name, annotations } = metadataOf(resource)
  const malformed = malformedSpec(resource, kind)
  if (malformed !== undefined) {
    yield { path: [...path, ...malformed.path], spec: malformed.spec as Fields & PodSpec, kind, name, annotations }
    return
  }
  if (isPodSpec(resource) && kind === '') {
    yield { path, spec: resource, kind, name, annotations }
    return
  }
  // Other kinds have their own sense of spec.containers (Prometheus: patches of what its operator makes).
  const platform = platformOf(resource)
  const limits = platform === undefined ? {} : { platform }
  if (isPodSpec(resource['spec']) && (kind === 'Pod' || kind === '' || isRevision(resource))) {
    yield { path: [...path, 'spec'], spec: resource['spec'], kind, name, annotations, ...limits }
    return
  }
  for (const found of specsUnder(resource, path)) {
    yield {
      path: [...found.path, 'spec'],
      spec: found.template['spec'],
      kind,
      name,
      annotations: { ...annotations, ...metadataOf(found.template).annotations },
      ...limits,
    }
  }
}

interface Found {
  path: Path
  template: Fields & { spec: PodSpec }
}

function* specsUnder(value: unknown, path: Path): Generator<Found> {
  if (path.length > deepest) return
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* specsUnder(item, [...path, index])
  } else if (isFields(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, key]
      if (/template$/i.test(key) && holdsPodSpec(inner)) yield { path: at, template: inner }
      else yield* specsUnder(inner, at)
    }
  }
}

function holdsPodSpec(value: unknown): value is Fields & { spec: PodSpec } {
  return isFields(value) && isPodSpec(value['spec'])
}

function isPodSpec(value: unknown): value is Fields & PodSpec {
  return isFields(value) && Array.isArray(value['containers']) && value['containers'].some(isFields)
}

function metadataOf(value: Fields): { name: string; annotations: Record<string, string> } {
  const metadata = isFields(value['metadata']) ? value['metadata'] : {}
  const annotations = isFields(metadata['annotations']) ? metadata['annotations'] : {}
  const texts = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return {
    name: textOf(metadata['name']) ?? textOf(metadata['generateName']) ?? '',
    annotations: Object.fromEntries(texts),
  }
}

/** A template's owner in words: `Deployment/camera`. */
export function ownerOf({ kind, name }: PodTemplate): string {
  return [kind || 'pod spec', name].filter((part) => part !== '').join('/')
}
