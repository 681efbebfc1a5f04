/** The regions of a directory, as they come and go. */
import { readdirSync, statSync } from 'node:fs'
import { LivenessError } from '../../errors.js'
import { Region, type RegionOptions, type Worker } from '../../index.js'
import { placeOf } from '../../internal/place.js'
import { isName } from '../../kubernetes/names.js'

/** Files that are no regions, or are gone by the time they are opened. */
const notRegions = ['REGION_MISSING', 'REGION_NOT_A_FILE', 'REGION_SIZE', 'REGION_MAGIC']

export interface Read {
  region: string
  workers: Worker[]
  atMs: number
}

export interface Failed {
  region: string
  error: LivenessError
}

/** Reads named regions, or all that are in the directory. Keeps nothing open between two looks. */
export class Regions {
  readonly directory: string
  #names: string[] = []
  #changedNs: bigint | undefined

  constructor(
    private readonly named: readonly string[],
    private readonly options: RegionOptions,
  ) {
    this.directory = placeOf(options).directory
  }

  /** @throws the system's error, if the directory cannot be read */
  read(): { read: Read[]; failed: Failed[]; leftOut: string[] } {
    const results = (this.named.length > 0 ? this.named : this.#found()).map((region) => this.#readOne(region))
    const failed = results.filter((result) => 'error' in result)
    const read = results.filter((result) => 'workers' in result)
    return this.named.length > 0 ? { read, failed, leftOut: [] } : { read, failed: [], leftOut: this.#leftOut(failed) }
  }

  #readOne(region: string): Read | Failed {
    try {
      const opened = Region.open(region, this.options)
      return { region, workers: opened.workers(), atMs: performance.now() }
    } catch (error) {
      if (!(error instanceof LivenessError) || !error.code.startsWith('REGION_')) throw error
      return { region, error }
    }
  }

  /** Names that may be regions. A region gets its name when it is whole, and the directory then changes. */
  #found(): string[] {
    const { mtimeNs } = statSync(this.directory, { bigint: true })
    if (mtimeNs !== this.#changedNs) {
      this.#changedNs = mtimeNs
      this.#names = readdirSync(this.directory).filter(isName).sort()
    }
    return this.#names
  }

  /** Other files are not tried again until the directory changes. */
  #leftOut(failed: readonly Failed[]): string[] {
    const others = new Set(failed.filter(({ error }) => notRegions.includes(error.code)).map(({ region }) => region))
    this.#names = this.#names.filter((name) => !others.has(name))
    const counts = new Map<string, number>()
    for (const { region, error } of failed) {
      if (!others.has(region)) counts.set(error.code, (counts.get(error.code) ?? 0) + 1)
    }
    return [...counts].map(([code, count]) => `${count} left out: ${code}`)
  }
}
