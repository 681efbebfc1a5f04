/**
 * `npm run bench`: what a beat and a probe cost, as ratios in one run, beside the bars they must reach. Exits 0 also
 * when a bar is missed (unless --strict), since a busy machine misses some; 1 when a part could not be measured.
 */
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { heavyParts, parts } from './parts/index.js'
import { Session } from './support/session.js'
import { type Row, reached, tableOf } from './table.js'

const allParts = { ...parts, ...heavyParts }

const usage = `usage: npm run bench -- [--only PART]… [--quick] [--strict]
  --only PART  ${Object.keys(parts).join(', ')}; only by name: ${Object.keys(heavyParts).join(', ')}
  --quick      fewer samples
  --strict     exit 1 if a bar is missed`

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: Object.keys(parts) },
        quick: { type: 'boolean', default: false },
        strict: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const unknown = values.only.find((name) => !Object.hasOwn(allParts, name))
    if (unknown !== undefined) throw new Error(`no part is called "${unknown}"`)
    return values
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

const options = parse()
if (options.help) {
  console.log(usage)
  process.exit(0)
}
const session = new Session(options.quick)
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    session.end()
    process.exit(status)
  })
}

const rows: Row[] = []
let failed = false
try {
  for (const name of options.only) {
    console.error(`bench: ${name}`)
    try {
      rows.push(...((await allParts[name]?.(session)) ?? []))
    } catch (error) {
      failed = true
      rows.push({ what: name, measured: 'FAILED', figures: (error as Error).message })
    }
  }
} finally {
  session.end()
}
const load = loadavg()[0]?.toFixed(2)
console.log(`\n${tableOf(rows)}`)
console.log(`\nNode ${process.version}, ${availableParallelism()} CPUs, load ${load}. Compare ratios, not figures.`)
if (failed || (options.strict && !rows.every(reached))) process.exitCode = 1
