import type { Worker } from '../../index.js'
import type { Regions } from '../workers/regions.js'
import type { Look, Source } from './look.js'
import { Rates } from './rates.js'

/** Regions of this machine. */
export class RegionSource implements Source<Worker> {
  readonly title: string
  readonly placeHeading = 'REGION'
  readonly #rates = new Rates()

  constructor(private readonly regions: Regions) {
    this.title = `shm-liveness top   ${regions.directory}`
  }

  look(): Look<Worker> {
    const { read, failed, leftOut } = this.regions.read()
    const found = read.flatMap(({ region, workers, atMs }) =>
      workers.map((worker) => ({ place: region, worker, atMs })),
    )
    const unreadable = failed.map(({ region, error }) => ({ place: region, reason: error.message }))
    return { workers: this.#rates.rows(found), unreadable, leftOut }
  }
}
