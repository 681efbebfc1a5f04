import { docsOf, type Finding, unknownSuppression } from './lint.js'
import { rules } from './rules/index.js'

/** Where a finding is in a file. */
export interface Location {
  /** A URI reference: of `a b.yaml` it is `a%20b.yaml`. */
  uri: string
  /** From 1. */
  line: number
}

/** The URI reference of a path: relative as the path is, else with its scheme. */
export function uriOf(path: string): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  return path.startsWith('/') ? `file://${encoded}` : encoded
}

/**
 * Findings as SARIF 2.1.0, which code hosts and editors show beside the lines.
 *
 * @param locationOf where the file of a finding is
 * @param version of this package
 */
export function sarif(findings: Finding[], locationOf: (finding: Finding) => Location, version: string): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'shm-liveness',
            version,
            rules: [...rules, unknownSuppression].map((rule) => ruleOf(rule, version)),
          },
        },
        results: findings.map((finding) => resultOf(finding, locationOf(finding))),
      },
    ],
  }
}

/** Where the documents of a published version can be read. SARIF wants a whole address. */
function addressOf(docs: string, version: string): string {
  return `https://unpkg.com/shm-liveness@${version}/${docs}`
}

function ruleOf({ id, severity, reason, remedy }: Omit<(typeof rules)[number], 'check'>, version: string): object {
  return {
    id,
    helpUri: addressOf(docsOf(id), version),
    shortDescription: { text: reason },
    help: { text: `${remedy} See ${docsOf(id)}.` },
    defaultConfiguration: { level: severity },
  }
}

function resultOf(finding: Finding, { uri, line }: Location): object {
  const { rule, severity, message, remedy, resource, container, path, suppressed } = finding
  const name = [resource, ...(container === undefined ? [] : [container])].join('/')
  return {
    ruleId: rule,
    level: severity,
    message: { text: `${name}: ${message}. ${remedy}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri }, region: { startLine: line } },
        logicalLocations: [{ name, fullyQualifiedName: path.join('.') }],
      },
    ],
    ...(suppressed === undefined ? {} : { suppressions: [{ kind: 'inSource', justification: suppressed }] }),
  }
}
