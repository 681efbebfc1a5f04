import type { FailureKind } from '../model/failure.js'
import { eventMessage, eventsOf } from './events.js'
import type { Observed } from './observed.js'

/** Why the Job controller cannot create the pod. Nothing else says it: the Job's own status would wait for ever. */
export interface Refusal {
  kind: Extract<FailureKind, 'runtime-class' | 'quota' | 'admission'>
  message: string
  /** The next try will be answered in the same way, as nothing but the pod and a rule decides. */
  isDefinite: boolean
  remedy?: string
}

interface Rule {
  words: RegExp
  refusal: Omit<Refusal, 'message'>
}

// Each as the plugin words it: plugin/pkg/admission/{runtimeclass,resourcequota,limitranger,podsecurity,serviceaccount}
// and apiserver/pkg/admission/plugin/{webhook,policy}.
const rules: Rule[] = [
  {
    words: /pod rejected: RuntimeClass "[^"]*" not found/,
    refusal: {
      kind: 'runtime-class',
      isDefinite: true,
      remedy: 'create the RuntimeClass (`preflight` shows how), or correct `runtimeClass` of the build or the executor',
    },
  },
  {
    words: /pod rejected: Pod's Overhead doesn't match|RuntimeClass/,
    refusal: {
      kind: 'runtime-class',
      isDefinite: true,
      remedy: 'compare the pod with `overhead` and `scheduling` of the RuntimeClass',
    },
  },
  {
    words: /failed quota: .*must specify|must specify .* for:/i,
    refusal: {
      kind: 'quota',
      isDefinite: true,
      remedy:
        'this quota counts a resource that a container of the pod does not name: give it one (tier, or a LimitRange with defaults)',
    },
  },
  { words: /exceeded quota:|status unknown for quota/, refusal: { kind: 'quota', isDefinite: false } },
  {
    words: /violates PodSecurity/,
    refusal: {
      kind: 'admission',
      isDefinite: true,
      remedy:
        "set what it names in the executor (`privileged`, `dockerFeatureEnabled`, `allowRoot`), or label the builds' namespace with a wider Pod Security level",
    },
  },
  {
    words: /(?:maximum|minimum) .* usage per (?:Container|Pod)/,
    refusal: {
      kind: 'admission',
      isDefinite: true,
      remedy: 'choose a tier within the LimitRange of the namespace, or widen it',
    },
  },
  {
    words: /failed calling webhook|Internal error occurred|timed out|context deadline exceeded|etcdserver/,
    refusal: {
      kind: 'admission',
      isDefinite: false,
      remedy: 'a webhook or the API server itself did not answer; its owner has to look at it',
    },
  },
  {
    words: /serviceaccount "[^"]*" not found/,
    refusal: {
      kind: 'admission',
      isDefinite: false,
      remedy: 'the namespace has no such service account (yet): create it',
    },
  },
]

const otherwise: Omit<Refusal, 'message'> = { kind: 'admission', isDefinite: true }

/** The Job controller's last word, if that is a refusal. */
export function refusalOf(observed: Observed): Refusal | undefined {
  const last = eventsOf(observed, 'Job').findLast(
    ({ reason }) => reason === 'FailedCreate' || reason === 'SuccessfulCreate',
  )
  if (last?.reason !== 'FailedCreate') return undefined
  const message = eventMessage(last).replace(/^Error creating: /, '')
  const rule = rules.find(({ words }) => words.test(message))
  return { ...(rule?.refusal ?? otherwise), message }
}
