/** What `lint` prints. */
import { type Severity, sarif } from '../kubernetes/index.js'
import { uriOf } from '../kubernetes/sarif.js'
import { junit } from './junit.js'
import type { Looked, Placed } from './lint-files.js'
import { severities } from './severity.js'
import { packageVersion } from './version.js'

export const reportFormats = ['text', 'json', 'sarif', 'junit'] as const
export type ReportFormat = (typeof reportFormats)[number]

/**
 * @param shown the findings without those that are suppressed, unless they were asked for; SARIF and JUnit mark them, and
 * have all
 * @param failOn the severity from which on a finding is a failed test of JUnit
 */
export function report(format: ReportFormat, looked: Looked, shown: Placed[], failOn: Severity): string {
  switch (format) {
    case 'text':
      return shown.map(textOf).join('')
    case 'json':
      return jsonText(shown.map(({ file, line, finding }) => ({ file, line, ...finding })))
    case 'sarif':
      return jsonText(sarifOf(looked.findings))
    case 'junit':
      return junit(looked, failOn)
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function textOf({ file, line, finding }: Placed): string {
  const { severity, rule, resource, container, message, remedy, suppressed } = finding
  const name = !container ? resource : `${resource}/${container}`
  const note = suppressed === undefined ? '' : ` (suppressed: ${suppressed || 'no reason given'})`
  return `${file}:${line}: ${severity}: ${name}: ${message} [${rule}]${note}\n    ${remedy}\n`
}

function sarifOf(placed: Placed[]): object {
  const places = new Map(placed.map(({ file, line, finding }) => [finding, { uri: uriOf(file), line }]))
  return sarif(
    placed.map(({ finding }) => finding),
    (finding) => places.get(finding) ?? { uri: '', line: 1 },
    packageVersion(),
  )
}

/** `2 files, 3 pods, 1 error, 0 warnings`; notes, and what was left out, only if there are such. */
export function summary({ files, pods, findings, leftOut, unreadable }: Looked, charts: number): string {
  const active = findings.filter(({ finding }) => finding.suppressed === undefined)
  const counts = severities.map((severity) => active.filter(({ finding }) => finding.severity === severity).length)
  const [errors = 0, warnings = 0, notes = 0] = counts
  const parts = [
    counted(files, 'file'),
    counted(pods.length, 'pod'),
    counted(errors, 'error'),
    counted(warnings, 'warning'),
  ]
  if (notes > 0) parts.push(counted(notes, 'note'))
  if (active.length < findings.length) parts.push(`${findings.length - active.length} suppressed`)
  if (leftOut > 0) parts.push(`${counted(leftOut, 'container')} not ours (--all-probes)`)
  if (unreadable.length > 0) parts.push(`${counted(unreadable.length, 'file')} not read`)
  if (charts > 0) parts.push(`${counted(charts, 'chart')} not rendered`)
  return `${parts.join(', ')}\n`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
