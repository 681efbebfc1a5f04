/** Prometheus' text format, version 0.0.4, of the few kinds of metrics that are needed here. */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string>>

/** One metric with all its label values. */
export interface Metric {
  /** Its lines, each with a line end. */
  text(): string
}

/** A number that only grows. */
export class Counter implements Metric {
  readonly #head: string
  readonly #name: string
  readonly #values = new Map<string, number>()

  /** @param first label values that are there from the start, as 0: a rate needs the value before the first event */
  constructor(name: string, help: string, first: readonly Labels[] = []) {
    this.#name = name
    this.#head = headOf(name, help, 'counter')
    for (const labels of first) this.#values.set(labelsText(labels), 0)
  }

  add(labels: Labels = {}, by = 1): void {
    const key = labelsText(labels)
    this.#values.set(key, (this.#values.get(key) ?? 0) + by)
  }

  text(): string {
    return this.#head + [...this.#values].map(([labels, value]) => `${this.#name}${labels} ${value}\n`).join('')
  }
}

/** What is asked for when the metrics are. */
export class Gauge implements Metric {
  readonly #head: string
  readonly #name: string
  readonly #read: () => readonly (readonly [Labels, number])[]

  constructor(name: string, help: string, read: () => readonly (readonly [Labels, number])[]) {
    this.#name = name
    this.#head = headOf(name, help, 'gauge')
    this.#read = read
  }

  text(): string {
    const lines = this.#read().map(([labels, value]) => `${this.#name}${labelsText(labels)} ${value}\n`)
    return this.#head + lines.join('')
  }
}

/** How many values were at most how large. */
export class Histogram implements Metric {
  readonly #head: string
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #count = 0
  #sum = 0

  /** @param bounds ascending */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#head = headOf(name, help, 'histogram')
    this.#bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.#count++
    this.#sum += value
    for (const [index, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[index]!++
  }

  text(): string {
    const bucket = (bound: string, count: number) => `${this.#name}_bucket${labelsText({ le: bound })} ${count}\n`
    const buckets = this.#bounds.map((bound, index) => bucket(String(bound), this.#counts[index]!))
    const sums = `${this.#name}_sum ${this.#sum}\n${this.#name}_count ${this.#count}\n`
    return this.#head + buckets.join('') + bucket('+Inf', this.#count) + sums
  }
}

function headOf(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
