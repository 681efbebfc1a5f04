/** The report: one file, which loads nothing and runs nothing. */
import { createHash } from 'node:crypto'
import type { Worker } from '../../index.js'
import { sayMs } from '../workers/words.js'
import { Html, html, nothing } from './html.js'
import { style } from './style.js'
import { workerSection } from './worker.js'

export interface ReportedRegion {
  region: string
  workers: readonly Worker[]
}

export interface Report {
  takenAt: Date
  /** The machine's name. */
  host: string
  directory: string
  regions: readonly ReportedRegion[]
  unreadable: readonly { region: string; reason: string }[]
  leftOut: readonly string[]
}

/** With more workers than these, only those with something to tell are open from the start. */
const fewWorkers = 4

export function reportPage({ takenAt, host, directory, regions, unreadable, leftOut }: Report): string {
  const total = regions.reduce((sum, { workers }) => sum + workers.length, 0)
  const styleHash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>shm-liveness report</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>shm-liveness report</h1>
<p class="soft"><time datetime="${takenAt.toISOString()}">${takenAt.toISOString()}</time>, <bdi>${host}</bdi>, <bdi>${directory}</bdi></p>
${total === 0 ? html`<p>There is no worker.</p>` : overview(regions)}
${unreadable.length === 0 ? nothing : unreadableSection(unreadable)}
${leftOut.length === 0 ? nothing : html`<p class="soft">${leftOut.join('; ')}</p>`}
${regions.map(({ region, workers }, index) => regionSection(region, workers, index, total))}
</main>
</body>
</html>
`.text
}

const idOf = (region: number, worker: number): string => `worker-${region}-${worker}`

function overview(regions: readonly ReportedRegion[]): Html {
  const rows = regions.flatMap(({ region, workers }, r) =>
    workers.map(
      (
        worker,
        w,
      ) => html`<tr><td><bdi>${region}</bdi></td><th scope="row"><a href="#${idOf(r, w)}"><bdi>${worker.name}</bdi></a></th><td class="state ${worker.state}">${worker.state}</td><td class="number">${sayMs(worker.ageMs)}</td><td class="number">${sayMs(worker.limitMs)}</td><td class="number">${sayMs(worker.worstCycleMs)}</td><td class="number">${worker.lateCycles}</td></tr>
`,
    ),
  )
  const numbers = ['Age', 'Limit', 'Worst cycle', 'Late']
  return html`<div class="scrolls" role="region" aria-label="All workers" tabindex="0"><table>
<caption>All workers</caption>
<thead><tr><th scope="col">Region</th><th scope="col">Worker</th><th scope="col">State</th>${numbers.map((text) => html`<th scope="col" class="number">${text}</th>`)}</tr></thead>
<tbody>
${rows}</tbody></table></div>`
}

function unreadableSection(unreadable: Report['unreadable']): Html {
  return html`<h2>Unreadable</h2>
<ul>${unreadable.map(({ region, reason }) => html`<li><bdi>${region}</bdi>: ${reason}</li>`)}</ul>`
}

function regionSection(region: string, workers: readonly Worker[], index: number, total: number): Html {
  const isOpen = ({ state, lateCycles }: Worker): boolean =>
    total <= fewWorkers || state === 'stalled' || state === 'dead' || state === 'unusable' || lateCycles > 0
  return html`<h2>Region <bdi>${region}</bdi></h2>
${workers.map((worker, at) => workerSection(worker, idOf(index, at), isOpen(worker)))}`
}
