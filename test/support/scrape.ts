import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, expect } from 'vitest'
import { get } from './http-raw.js'

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Family {
  name: string
  type: string
  help: string
  samples: Sample[]
}

const fixture = new URL('../fixtures/guard-prometheus.py', import.meta.url).pathname

/** Debian's, for its own Python; the one in PATH may be another. */
const python = ['/usr/bin/python3', 'python3'].find(
  (python) => spawnSync(python, ['-c', 'import prometheus_client.parser']).status === 0,
)
export const hasParser = python !== undefined
if (!hasParser) {
  console.error('NOT TESTED: how a real parser reads /metrics. It needs the Debian package python3-prometheus-client.')
}

/** One process for all tests of a file: to start it takes longer than to parse. */
class Parser {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor() {
    this.#child = spawn(python as string, [fixture], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  }

  async parse(text: string): Promise<Map<string, Family>> {
    this.#child.stdin?.write(`${JSON.stringify(text)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`The parser refuses this: ${text}`)
    const families = JSON.parse(value) as (Omit<Family, 'samples'> & {
      samples: [string, Sample['labels'], string][]
    })[]
    return new Map(
      families.map((family) => [
        family.name,
        {
          ...family,
          samples: family.samples.map(([name, labels, value]) => ({ name, labels, value: Number(value) })),
        },
      ]),
    )
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

let parser: Parser | undefined
afterAll(() => parser?.kill())

/** /metrics, by name of the family, as a real parser reads it: counters without their `_total`. */
export class Scrape {
  private constructor(
    readonly text: string,
    readonly families: Map<string, Family>,
  ) {}

  static async read(text: string): Promise<Scrape> {
    parser ??= new Parser()
    return new Scrape(text, await parser.parse(text))
  }

  static async of(port: number): Promise<Scrape> {
    const { status, body } = await get(port, '/metrics')
    expect(status).toBe(200)
    return Scrape.read(body)
  }

  samples(family: string): Sample[] {
    const found = this.families.get(`shm_liveness_${family}`)
    if (found === undefined) throw new Error(`no family ${family} among ${[...this.families.keys()]}`)
    return found.samples
  }

  /** The values of one family by worker, as `region/worker`. */
  byWorker(family: string): Record<string, number> {
    return Object.fromEntries(this.samples(family).map(({ labels, value }) => [nameOf(labels), value]))
  }

  conditions(): Record<string, string[]> {
    const all: Record<string, string[]> = {}
    for (const { labels, value } of this.samples('worker_condition')) {
      const held = all[nameOf(labels)] ?? []
      all[nameOf(labels)] = held
      if (value === 1) held.push(labels['condition'] as string)
      else expect(value).toBe(0)
    }
    return all
  }

  only(family: string): number {
    const samples = this.samples(family)
    expect(samples).toHaveLength(1)
    return samples[0]?.value as number
  }
}

const nameOf = (labels: Record<string, string>) => `${labels['region']}/${labels['worker']}`

/** What `promtool check metrics` and a server's ingestion would complain of. */
export function complaints({ text, families }: Scrape): string[] {
  const found: string[] = []
  const complain = (holds: boolean, what: string) => holds || found.push(what)
  complain(text.endsWith('\n') && !text.includes('\r') && !text.includes('\n\n'), 'lines end in one LF each')
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const ids = series.map((line) => line.slice(0, line.lastIndexOf(' ')))
  complain(new Set(ids).size === ids.length, 'a series is there twice')
  for (const kind of ['HELP', 'TYPE']) {
    const names = [...text.matchAll(new RegExp(`^# ${kind} (\\S+) \\S`, 'gm'))].map((match) => match[1])
    complain(new Set(names).size === names.length, `a second ${kind}`)
    complain(names.length === families.size, `a family without ${kind}`)
  }
  for (const { name, type, help, samples } of families.values()) {
    const is = (holds: boolean, what: string) => complain(holds, `${name} ${what}`)
    is(/^shm_liveness(_[a-z]+)+$/.test(name), 'is in no snake case')
    is(help.length > 10 && help.endsWith('.'), 'has no sentence of help')
    is(!/(^|_)(gauge|counter|histogram|summary)(_|$)/.test(name), 'repeats its type')
    is(!/(^|_)(ms|milliseconds|microseconds|nanoseconds|us|ns|minutes|hours)(_|$)/.test(name), 'has no base unit')
    is(
      /_seconds$/.test(name) === /age|limit|cycle_|cycle$|lost/.test(name),
      'does not say its unit, or says a wrong one',
    )
    is(type !== 'untyped' && type !== 'unknown', 'has no type')
    for (const sample of samples) {
      const suffix = sample.name.slice(name.length)
      const allowed = { counter: /^_total$/, histogram: /^_(bucket|count|sum)$/ }[type] ?? /^$/
      is(sample.name.startsWith(name) && allowed.test(suffix), `has a sample ${sample.name}`)
      is(suffix !== '_bucket' || 'le' in sample.labels, 'has a bucket without le')
      is(suffix === '_bucket' || !('le' in sample.labels || 'quantile' in sample.labels), 'uses a reserved label')
      is(Number.isFinite(sample.value) && sample.value >= 0, `is ${sample.value}`)
    }
  }
  return found
}

/** Of each worker, as `region/worker`. */
export function histograms(scrape: Scrape): Record<string, { bounds: number[]; counts: number[]; count: number }> {
  const all: Record<string, { bounds: number[]; counts: number[]; count: number }> = {}
  for (const { name, labels, value } of scrape.samples('worker_cycle_seconds')) {
    const of = all[nameOf(labels)] ?? { bounds: [], counts: [], count: Number.NaN }
    all[nameOf(labels)] = of
    if (name.endsWith('_count')) {
      of.count = value
    } else {
      of.bounds.push(labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']))
      of.counts.push(value)
    }
  }
  return all
}
