import type { Severity } from '../kubernetes/index.js'
import type { Placed } from './lint-files.js'

/** The worst first. */
export const severities = ['error', 'warning', 'note'] as const satisfies readonly Severity[]

/** Whether a finding is as bad as `failOn`, and not suppressed. */
export function isFailure({ finding }: Placed, failOn: Severity): boolean {
  return finding.suppressed === undefined && severities.indexOf(finding.severity) <= severities.indexOf(failOn)
}
