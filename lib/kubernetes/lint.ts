import { ownerOf, type PodTemplate, podTemplates } from './pod-templates.js'
import { rules } from './rules/index.js'
import { podOf, type Rule, type Severity } from './rules/rule.js'
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
 * Looks at every pod template of an object by all rules. Objects without one have no findings.
 *
 * @returns findings in the order of templates and rules
 * @example lint(deployment).filter(({ severity }) => severity === 'error')
 */
export function lint(resource: unknown, options: LintOptions = {}): Finding[] {
  const findings = podTemplates(resource).flatMap((template) => [
    ...rules.flatMap((rule) => findingsOf(rule, template)),
    ...unknownSuppressions(template),
  ])
  return options.suppressed ? findings : findings.filter(({ suppressed }) => suppressed === undefined)
}

function findingsOf(rule: Rule, template: PodTemplate): Finding[] {
  const suppressed = template.annotations[`${suppressionPrefix}${rule.id}`]
  return rule.check(podOf(template)).map(({ path, message, container, severity = rule.severity }) => ({
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
