import { Command } from 'commander'
import { rules, type Severity } from '../../kubernetes/index.js'
import { docsOf, unknownSuppression } from '../../kubernetes/lint.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import { requireInput } from '../input.js'
import { lintFiles } from '../lint-files.js'
import { type ReportFormat, report, reportFormats, summary } from '../lint-report.js'
import { manifestFiles } from '../manifest-files.js'
import { table } from '../output.js'
import type { Session } from '../session.js'
import { isFailure, severities } from '../severity.js'
import { renderFirst } from '../yaml/helm.js'
import { oneOf } from './settings.js'

interface Flags {
  format: ReportFormat
  suppressed?: true
  allProbes?: true
  failOn: Severity
  listRules?: true
}

export function lintCommand(session: Session): Command {
  const command = new Command('lint')
    .description('say what in the pods of manifests will hurt; exit 1 if there is an error among it')
    .argument('[paths...]', 'manifests, and folders of manifests; none or -: standard input')
    .option('--format <format>', reportFormats.join(', '), oneOf(...reportFormats), 'text')
    .option(
      '--fail-on <severity>',
      'exit 1 from this severity on: error, warning or note',
      oneOf(...severities),
      'error',
    )
    .option('--all-probes', 'also look at containers that shm-liveness does not watch')
    .option('--suppressed', 'also what annotations suppress (sarif and junit always have it)')
    .option('--list-rules', 'print the rules, as text or json, and end')
    .action(async (paths: string[], flags: Flags) => {
      if (flags.listRules) printRules(session, flags.format)
      else await lintPaths(session, paths, flags)
    })
  return withHelp(command, {
    exits: { ok: 'nothing as bad as --fail-on', found: 'a finding as bad as --fail-on', unreadable: true },
    examples: [
      ['shm-liveness lint deploy/', 'all manifests of a folder'],
      ['shm-liveness lint --format sarif --fail-on warning deployment.yaml', 'for a code host, and stricter'],
    ],
  })
}

async function lintPaths(session: Session, paths: string[], flags: Flags): Promise<void> {
  const { format, failOn, suppressed, allProbes = false } = flags
  const { stdin, stdout, stderr } = session.streams
  requireInput(paths, stdin)
  const { files, charts, unreadable } = manifestFiles(paths.length === 0 ? ['-'] : paths)
  const looked = await lintFiles(files, stdin, allProbes)
  looked.unreadable.unshift(...unreadable)
  const shown = looked.findings.filter(({ finding }) => suppressed === true || finding.suppressed === undefined)
  stdout.write(report(format, looked, shown, failOn))
  for (const { message } of looked.unreadable) stderr.write(`shm-liveness: ${message}\n`)
  for (const chart of charts) stderr.write(`shm-liveness: ${chart}: ${renderFirst(chart)}\n`)
  // Programs read the other formats: there it is for whoever reads the log.
  const to = format === 'text' ? stdout : stderr
  to.write(summary(looked, charts.length))
  if (looked.findings.some((placed) => isFailure(placed, failOn))) session.status = exitCodes.found
  const isUnread = looked.unreadable.length > 0 || charts.some((chart) => paths.includes(chart))
  if (isUnread) session.status = exitCodes.unreadable
}

function printRules({ streams }: Session, format: ReportFormat): void {
  const all = [...rules, unknownSuppression]
  if (format === 'json') {
    const listed = all.map(({ id, severity, reason, remedy }) => ({ id, severity, reason, remedy, docs: docsOf(id) }))
    streams.stdout.write(`${JSON.stringify(listed, null, 2)}\n`)
  } else if (format === 'text') {
    streams.stdout.write(
      table([['RULE', 'SEVERITY', 'WHY'], ...all.map(({ id, severity, reason }) => [id, severity, reason])]),
    )
  } else throw new CommandError(exitCodes.usage, '--list-rules prints text or json')
}
