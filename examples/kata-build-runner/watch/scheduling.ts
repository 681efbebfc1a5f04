import type { V1Container, V1Pod } from '@kubernetes/client-node'
import { buildOf } from './facts.js'

export interface SchedulingWords {
  /** One sentence for people: how many nodes there are, and what keeps each from taking the pod. */
  text: string
  /** Which settings made it so, and what to do. */
  remedy: string
  /** Room may come by itself, so another attempt may find it; a label or a taint does not. */
  mayPass: boolean
}

interface Count {
  nodes: number
  why: string
}

interface Setting {
  words: RegExp
  say: (why: string, pod: V1Pod) => string
  remedy?: string
  mayPass?: boolean
}

// Each as the scheduler's plugin words it (pkg/scheduler/framework/plugins).
const settings: Setting[] = [
  {
    words: /^Insufficient cpu/,
    say: (_why, pod) => `too little CPU free (the build asks for ${asked(pod, 'cpu')})`,
    remedy: 'a smaller cpu tier (`tier.cpu` of the build, `resources.cpu` of the executor)',
    mayPass: true,
  },
  {
    words: /^Insufficient memory/,
    say: (_why, pod) => `too little memory free (the build asks for ${asked(pod, 'memory')})`,
    remedy: 'a smaller memory tier (`tier.memory`, `resources.memory`)',
    mayPass: true,
  },
  {
    words: /^Insufficient ephemeral-storage/,
    say: (_why, pod) => `too little disk free (the build asks for ${asked(pod, 'ephemeral-storage')})`,
    remedy: 'a smaller disk tier (`tier.disk`, `resources.disk`)',
    mayPass: true,
  },
  { words: /^(?:Insufficient |Too many pods)/, say: (why) => `no room (${why})`, mayPass: true },
  {
    words: /node affinity\/selector|node selector/,
    say: (_why, pod) => `without the labels asked for${labels(pod)}`,
    remedy:
      'label a node so, or change `nodeSelectors` of the executor (or `scheduling.nodeSelector` of the RuntimeClass)',
  },
  {
    words: /untolerated taint|had taint/,
    say: (why) => `with a taint that the build does not tolerate${braces(why)}`,
    remedy: 'take the taint away, or name its key and value in `nodeSelectors`, which the build also tolerates',
  },
  { words: /were unschedulable/, say: () => 'cordoned', remedy: 'uncordon a node', mayPass: true },
  { words: /not ready|unreachable/, say: (why) => `not usable (${why})`, mayPass: true },
]

/** What the scheduler's message comes to, in plain words and with the settings behind it. */
export function schedulingWords(message: string, pod: V1Pod): SchedulingWords {
  const all = /^(\d+)\/(\d+) nodes are available: (.*)$/s.exec(message)
  if (all === null) return { text: message, remedy: '', mayPass: !/no nodes available|didn't match/.test(message) }
  const said = countsOf(all[3] ?? '').map(({ nodes, why }) => ({
    nodes,
    why,
    setting: settings.find(({ words }) => words.test(why)),
  }))
  const parts = said.map(({ nodes, why, setting }) => `${nodes} ${setting?.say(why, pod) ?? why}`)
  const remedies = new Set(said.map(({ setting }) => setting?.remedy).filter((remedy) => remedy !== undefined))
  return {
    text: `none of ${all[2]} nodes can take it: ${parts.join(', ')}`,
    remedy: [...remedies].join('; or '),
    // One node that only lacks room is enough.
    mayPass: said.some(({ setting }) => setting === undefined || setting.mayPass === true),
  }
}

/** `1 node(s) had …, 2 Insufficient cpu. preemption: 0/3 nodes are …`: what follows the reasons says nothing new. */
function countsOf(text: string): Count[] {
  const reasons = text.split(/\. (?:no new claims to deallocate, )?preemption: /)[0] ?? ''
  const counts: Count[] = []
  for (const part of reasons.replace(/\.\s*$/, '').split(/, (?=\d+ )/)) {
    const match = /^(\d+) (.*)$/s.exec(part.trim())
    if (match !== null) counts.push({ nodes: Number(match[1]), why: (match[2] ?? '').replace(/^node\(s\) /, '') })
  }
  return counts
}

function asked(pod: V1Pod, resource: string): string {
  const requests = [
    buildSpec(pod),
    ...(pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ]
  const amounts = requests
    .map((container) => container?.resources?.requests?.[resource])
    .filter((amount) => amount !== undefined)
  const overhead = pod.spec?.overhead?.[resource]
  return [...amounts, ...(overhead === undefined ? [] : [`${overhead} overhead`])].join(' + ') || 'nothing'
}

function buildSpec(pod: V1Pod): V1Container | undefined {
  return pod.spec?.containers.find(({ name }) => name === buildOf(pod)?.name)
}

function labels(pod: V1Pod): string {
  const required =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const expressions = required.flatMap(({ matchExpressions }) => matchExpressions ?? [])
  const words = [
    ...Object.entries(pod.spec?.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`),
    ...expressions.map(({ key, operator, values }) =>
      operator === 'In' ? `${key}=${(values ?? []).join('|')}` : `${key} ${operator}`,
    ),
  ]
  return words.length === 0 ? '' : ` (${[...new Set(words)].join(', ')})`
}

function braces(why: string): string {
  const taint = /\{([^}]*)\}/.exec(why)?.[1]
  return taint === undefined ? '' : ` (${taint.replace(/: $/, '')})`
}
