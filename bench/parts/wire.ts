import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Session } from '../support/session.js'
import { inTurns, ratioText, spreadOf, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

const main = fileURLToPath(new URL('dist/cli/main.js', import.meta.resolve('shm-liveness/package.json')))

const documentCount = 1_000
const mostSeconds = 2

/** A Deployment as a chart has it: comments, block and flow style. */
const deployment = (index: number) => `# Source: ${index}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-${index}
  labels: { app: app-${index} }
spec:
  selector:
    matchLabels: { app: app-${index} }
  template:
    metadata:
      labels: { app: app-${index} }
    spec:
      containers:
        - name: app # the worker
          image: registry/app:${index}
          env:
            - name: MODE
              value: fast
`

const pod = 'kind: Pod\nspec:\n  containers:\n  - name: camera\n'

function configMap(megabytes: number): string {
  const fields = Array.from({ length: megabytes * 1_000 }, (_, index) => `  key-${index}: ${'x'.repeat(1_000)}\n`)
  return `kind: ConfigMap\ndata:\n${fields.join('')}`
}

/** Seconds from the spawn of a process until its end. */
async function secondsOf(run: () => Promise<string>, check: (output: string) => boolean): Promise<number> {
  const began = performance.now()
  const output = await run()
  const seconds = (performance.now() - began) / 1000
  if (!check(output)) throw new Error(`unexpected output: ${output.slice(0, 200)}`)
  return seconds
}

/** `wire` of a file, beside a program that only parses the file; each in a process of its own, by turns. */
async function besideParsing(session: Session, text: string, documents: number, pods: number) {
  const file = session.temporaryFile('manifests.yaml')
  writeFileSync(file, text)
  const seconds: number[] = []
  const parse = () =>
    secondsOf(
      () => session.runNode('parse-yaml', [file]),
      (output) => Number(output) === documents,
    )
  const wire = async () => {
    const took = await secondsOf(
      () => session.run(process.execPath, [main, 'wire', file]),
      (output) => output.match(/livenessProbe:/g)?.length === pods,
    )
    seconds.push(took)
    return took
  }
  const { a, b, ratio } = await inTurns(session.quick ? 3 : 9, parse, wire)
  return { parseSeconds: a, wireSeconds: b, ratio, spread: spreadOf(seconds) }
}

/** What the command line takes: a person waits for it, and so does each render of a chart. */
export async function wire(session: Session): Promise<Row[]> {
  const deployments = Array.from({ length: documentCount }, (_, index) => deployment(index)).join('---\n')
  const many = await besideParsing(session, deployments, documentCount, documentCount)
  const large = await besideParsing(session, `${configMap(10)}---\n${pod}`, 2, 1)
  const start = await inTurns(
    session.quick ? 3 : 9,
    () =>
      secondsOf(
        () => session.run(process.execPath, ['-e', '0']),
        (output) => output === '',
      ),
    () =>
      secondsOf(
        () => session.run(process.execPath, [main, '--version']),
        (output) => /^\d/.test(output),
      ),
  )
  return [
    {
      what: `wire, ${documentCount.toLocaleString('en')} documents, spawn to exit`,
      measured: `${many.wireSeconds.toFixed(2)} s`,
      spread: `${many.spread.low.toFixed(2)} to ${many.spread.high.toFixed(2)} s`,
      bar: { ...atMost(mostSeconds, many.wireSeconds), text: `<= ${mostSeconds} s` },
    },
    {
      what: '  by a program that only parses them (yaml)',
      measured: ratioText(many.ratio.median),
      spread: spreadText(many.ratio),
      figures: `${many.wireSeconds.toFixed(2)} s by ${many.parseSeconds.toFixed(2)} s`,
    },
    {
      what: '  same, 10 MB of YAML beside one pod',
      measured: ratioText(large.ratio.median),
      spread: spreadText(large.ratio),
      figures: `${large.wireSeconds.toFixed(2)} s by ${large.parseSeconds.toFixed(2)} s`,
    },
    {
      what: '  shm-liveness --version by node -e 0',
      measured: ratioText(start.ratio.median),
      spread: spreadText(start.ratio),
      figures: `${(start.b * 1000).toFixed(0)} ms by ${(start.a * 1000).toFixed(0)} ms`,
    },
  ]
}
