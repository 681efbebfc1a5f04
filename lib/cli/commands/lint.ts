import { Command } from 'commander'
import { type Finding, leftOut, lint, type Severity, sarif } from '../../kubernetes/index.js'
import { uriOf } from '../../kubernetes/sarif.js'
import { exitCodes } from '../exit-codes.js'
import { readSources } from '../input.js'
import type { Session } from '../session.js'
import { packageVersion } from '../version.js'
import { lineOf, manifestsOf } from '../yaml/documents.js'
import { oneOf } from './settings.js'

/** The worst first. */
const severities = ['error', 'warning', 'note'] as const satisfies readonly Severity[]

interface Flags {
  format: 'text' | 'json' | 'sarif'
  suppressed?: true
  allProbes?: true
  failOn: Severity
}

interface Placed {
  file: string
  line: number
  finding: Finding
}

export function lintCommand(session: Session): Command {
  return new Command('lint')
    .description('say what in the pods of manifests will hurt; exit 1 if there is an error among it')
    .argument('[files...]', 'manifests; none or -: standard input')
    .option('--format <format>', 'text, json or sarif', oneOf('text', 'json', 'sarif'), 'text')
    .option(
      '--fail-on <severity>',
      'exit 1 from this severity on: error, warning or note',
      oneOf(...severities),
      'error',
    )
    .option('--all-probes', 'also look at containers that shm-liveness does not watch')
    .option('--suppressed', 'also what annotations suppress (sarif always has it)')
    .action(async (files: string[], flags: Flags) => {
      const sources = await readSources(files, session.streams.stdin)
      const looks = sources.flatMap(({ name, text }) => looksAt(name, text, flags.allProbes))
      const findings = looks.flatMap(({ placed }) => placed)
      const isShown = ({ finding }: Placed): boolean => finding.suppressed === undefined || flags.suppressed === true
      const shown = flags.format === 'sarif' ? findings : findings.filter(isShown)
      session.streams.stdout.write(formats[flags.format](shown))
      const isBad = ({ finding }: Placed): boolean =>
        finding.suppressed === undefined && severities.indexOf(finding.severity) <= severities.indexOf(flags.failOn)
      if (findings.some(isBad)) session.status = exitCodes.found
      const left = looks.reduce((sum, look) => sum + look.left, 0)
      if (left > 0) session.streams.stderr.write(`${leftOutText(left)}\n`)
    })
}

/** What is found in a manifest, and how many of its containers were left out. */
function looksAt(name: string, text: string, allProbes = false): { placed: Placed[]; left: number }[] {
  return [...manifestsOf(name, text)].map((manifest) => {
    const findings = lint(manifest.value, { suppressed: true, allProbes })
    return {
      placed: findings.map((finding) => ({ file: name, line: lineOf(manifest, finding.path), finding })),
      left: allProbes ? 0 : leftOut(manifest.value).length,
    }
  })
}

function leftOutText(count: number): string {
  const containers = count === 1 ? '1 container' : `${count} containers`
  return `shm-liveness does not watch ${containers}, so lint did not look there; --all-probes looks at all.`
}

const formats = {
  text: (placed: Placed[]): string => placed.map(textOf).join(''),
  json: (placed: Placed[]): string =>
    `${JSON.stringify(
      placed.map(({ file, line, finding }) => ({ file, line, ...finding })),
      null,
      2,
    )}\n`,
  sarif: (placed: Placed[]): string => {
    const places = new Map(placed.map(({ file, line, finding }) => [finding, { uri: uriOf(file), line }]))
    const log = sarif(
      placed.map(({ finding }) => finding),
      (finding) => places.get(finding) ?? { uri: '', line: 1 },
      packageVersion(),
    )
    return `${JSON.stringify(log, null, 2)}\n`
  },
}

function textOf({ file, line, finding }: Placed): string {
  const { severity, rule, resource, container, message, remedy, suppressed } = finding
  const name = container === undefined ? resource : `${resource}/${container}`
  const note = suppressed === undefined ? '' : ` (suppressed: ${suppressed || 'no reason given'})`
  return `${file}:${line}: ${severity}: ${name}: ${message} [${rule}]${note}\n    ${remedy}\n`
}
