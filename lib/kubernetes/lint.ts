import { ownerOf, type PodTemplate, podTemplates, writtenTemplates } from './pod-templates.js'
import { rules } from './rules/index.js'
import { allPlaced, type Pod, podOf, type Rule, type Severity } from './rules/rule.js'
import type { Path } from './types.js'

/** A place in a pod that a rule speaks of. */
export interface Finding {
  /** The rule's id. */
  rule: string
  severity: Severity
  /** What is there. */
  message: string
  reason: string
  remedy: string
  /** Where the rule is described, in this package. */
  docs: string
  /** Kind and name of the object: `Deployment/camera`. */
  resource: string
  container?: string | undefined
  /** From the root of the object that was given. */
  path: Path
  /** Why it was suppressed, if it was. */
  suppressed?: string | undefined
}

export interface LintOptions {
  /** Also what annotations suppress, marked so. @default false */
  suppressed?: boolean | undefined
  /** Also the containers that shm-liveness has no part in. @default false: {@link leftOut} names them */
  allProbes?: boolean | undefined
}

/**
 * An annotation of the pod template or of the object that has it suppresses a rule there; its value says why:
 * `lint.shm-liveness/exec-timeout: "the node is ours alone"`.
 */
export const suppressionPrefix = 'lint.shm-liveness/'

/** Where a rule is described. */
export function docsOf(rule: string): string {
  return `docs/operations.md#lint-${rule}`
}

/** An annotation that names no rule hides nothing, and whoever wrote it thinks it does. */
export const unknownSuppression: Omit<Rule, 'check'> = {
  id: 'unknown-suppression',
  severity: 'warning',
  reason: 'It suppresses nothing: there is no such rule.',
  remedy: 'Name a rule of the table in docs/operations.md, or remove the annotation.',
}

/**
 * Looks at every pod template of an object by all rules: at the containers that shm-liveness has a part in, unless
 * `allProbes` is set. Objects without a pod template have no findings.
 *
 * @returns findings in the order of templates and rules
 * @example lint(deployment).filter(({ severity }) => severity === 'error')
 */
export function lint(resource: unknown, options: LintOptions = {}): Finding[] {
  const findings = writtenTemplates(resource).flatMap((template) => {
    const pod = podOf(template, options.allProbes)
    return [...rules.flatMap((rule) => findingsOf(rule, template, pod)), ...unknownSuppressions(template)]
  })
  return options.suppressed ? findings : findings.filter(({ suppressed }) => suppressed === undefined)
}

/**
 * The containers that {@link lint} leaves out, because shm-liveness has no part in them: with `allProbes` it looks at
 * them, too.
 *
 * @example leftOut(deployment) // ['Deployment/web/nginx']
 */
export function leftOut(resource: unknown): string[] {
  return podTemplates(resource).flatMap((template) =>
    podOf(template)
      .members.filter(({ isLookedAt }) => !isLookedAt)
      .map(({ name }) => `${ownerOf(template)}/${name}`),
  )
}

/** Whether an observation is about what is looked at. */
function isLookedAt({ scope = 'container' }: Rule, pod: Pod, path: Path): boolean {
  if (scope === 'object') return true
  const [field, index] = path
  const place = allPlaced(pod.spec).find((placed) => placed.path[0] === field && placed.path[1] === index)
  return scope === 'pod' || place === undefined ? pod.lookedAt.size > 0 : pod.lookedAt.has(place.container)
}

function findingsOf(rule: Rule, template: PodTemplate, pod: Pod): Finding[] {
  const suppressed = template.annotations[`${suppressionPrefix}${rule.id}`]
  const observations = rule.check(pod).filter(({ path }) => isLookedAt(rule, pod, path))
  return observations.map(({ path, message, container, severity = rule.severity }) => ({
    ...described(rule, template),
    severity,
    message,
    ...(container === undefined ? {} : { container }),
    path: [...template.path, ...path],
    ...(suppressed === undefined ? {} : { suppressed }),
  }))
}

function unknownSuppressions(template: PodTemplate): Finding[] {
  return Object.keys(template.annotations)
    .filter((name) => name.startsWith(suppressionPrefix))
    .filter((name) => !rules.some(({ id }) => name === `${suppressionPrefix}${id}`))
    .map((name) => ({
      ...described(unknownSuppression, template),
      message: `the annotation ${name} names no rule`,
      path: template.path,
    }))
}

function described(
  { id, severity, reason, remedy }: Omit<Rule, 'check'>,
  template: PodTemplate,
): Omit<Finding, 'message' | 'path'> {
  return { rule: id, severity, reason, remedy, docs: docsOf(id), resource: ownerOf(template) }
}
