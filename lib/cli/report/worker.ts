/** A worker as a section of the report. */
import type { LastWords, SlowPlace, Where, Worker, WorkerState } from '../../index.js'
import { sayMs } from '../workers/words.js'
import { type Bar, barsOf, cyclesIn, lengthOf, quantileNs, sayNs } from './cycles.js'
import { Html, html, nothing } from './html.js'

/** @param id of the section, for links @param isOpen whether its details are shown from the start */
export function workerSection(worker: Worker, id: string, isOpen: boolean): Html {
  const late = worker.lateCycles > 0 ? html`, ${worker.lateCycles} late` : nothing
  return html`<details id="${id}"${isOpen ? new Html(' open') : nothing}>
<summary><h3><bdi>${worker.name}</bdi></h3> <span class="state ${worker.state}">${worker.state}</span>${late}</summary>
${facts(worker)}
${cyclesTable(worker)}
${lateSection(worker)}
${worker.where === null ? nothing : whereSection(worker.where, worker.state)}
${worker.lastWords === null ? nothing : lastWordsSection(worker.lastWords)}
</details>
`
}

function facts(worker: Worker): Html {
  const { histogram, worstCycleMs, cycleLimitMs, phase, status } = worker
  const quantile = (share: number): string => {
    const ns = quantileNs(histogram, share, worstCycleMs * 1e6)
    return ns === undefined ? 'none yet' : `at most ${sayNs(ns)}`
  }
  return list([
    ['Last sign of life', `${sayMs(worker.ageMs)} ago`],
    [phase === null ? 'Limit' : 'Limit (of the phase)', sayMs(worker.limitMs)],
    ['Beats', String(worker.beats)],
    ['Ready', worker.ready ? 'yes' : 'no'],
    ...(phase === null ? [] : ([['Phase', phase]] as const)),
    ...(status === null ? [] : ([['Says', status]] as const)),
    ['Half of all cycles', quantile(0.5)],
    ['99 % of all cycles', quantile(0.99)],
    ['99.9 % of all cycles', quantile(0.999)],
    ['Worst cycle', worstCycleMs === 0 ? 'none yet' : sayMs(worstCycleMs)],
    ['Cycle limit', cycleLimitMs === null ? 'none' : sayMs(cycleLimitMs)],
    ['Claimed', `${sayMs(worker.claimedAgoMs)} ago`],
    ['Claims of the slot', String(worker.claims)],
    ['Process', String(worker.pid)],
  ])
}

function list(entries: readonly (readonly [term: string, text: string])[]): Html {
  return html`<dl>${entries.map(([term, text]) => html`<div><dt>${term}</dt><dd><bdi>${text}</bdi></dd></div>`)}</dl>`
}

function cyclesTable({ name, histogram, cycleLimitMs }: Worker): Html {
  const bars = barsOf(histogram, cycleLimitMs)
  if (bars.length === 0) return html`<p class="soft">No cycle has been counted yet.</p>`
  const most = Math.max(...bars.map(({ count }) => count))
  return html`<table class="cycles">
<caption>Cycles of <bdi>${name}</bdi> by their length, ${cyclesIn(histogram)} in all. The bars are logarithmic.</caption>
<thead><tr><th scope="col">Length</th><td></td><th scope="col" class="number">Cycles</th><th scope="col">Late</th></tr></thead>
<tbody>
${bars.map((bar) => cycleRow(bar, most))}</tbody></table>`
}

const lateWords = { all: 'all', some: 'some', none: '' }

function cycleRow({ fromNs, toNs, count, late }: Bar, most: number): Html {
  const words = count > 0 ? lateWords[late] : ''
  const width = lengthOf(count, most).toFixed(1)
  return html`<tr class="${words === '' ? '' : `late-${late}`}"><th scope="row">${sayNs(fromNs)} – ${sayNs(toNs)}</th><td><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width="${width}" height="10"/></svg></td><td class="number">${count}</td><td>${words}</td></tr>
`
}

function lateSection({ cycleLimitMs, lateCycles, lastLateAgoMs, slowPlaces }: Worker): Html {
  if (cycleLimitMs === null) return nothing
  if (lateCycles === 0) return html`<h4>Late cycles</h4><p>None was longer than ${sayMs(cycleLimitMs)}.</p>`
  const last = lastLateAgoMs === null ? nothing : html` The last one ended ${sayMs(lastLateAgoMs)} ago.`
  return html`<h4>Late cycles</h4>
<p>${lateCycles} longer than ${sayMs(cycleLimitMs)}.${last}</p>
${placesOf(slowPlaces)}`
}

function placesOf(places: readonly SlowPlace[]): Html {
  if (places.length === 0) return html`<p class="soft">Where they were is not known.</p>`
  const rows = [...places].sort((a, b) => b.count - a.count)
  return html`<table>
<caption>Where the worker was when they were found. Four places are kept, so counts can be too low.</caption>
<thead><tr><th scope="col">Place</th><th scope="col" class="number">At least</th></tr></thead>
<tbody>${rows.map(
    ({ place, count }) => html`<tr><td><code><bdi>${place}</bdi></code></td><td class="number">${count}</td></tr>`,
  )}</tbody></table>`
}

function whereSection({ isCurrent, takenAgoMs, silentMs, frames }: Where, state: WorkerState): Html {
  const now = state === 'dead' || state === 'left-over' ? 'Where it was when it ended' : 'Where it is silent now'
  return html`<h4>${isCurrent ? now : 'Where it was silent before'}</h4>
<p>Seen ${sayMs(takenAgoMs)} ago, after ${sayMs(silentMs)} of silence.</p>
${framesOf(frames)}`
}

function framesOf(frames: readonly string[]): Html {
  return html`<ol>${frames.map((frame) => html`<li><code><bdi>${frame}</bdi></code></li>`)}</ol>`
}

function lastWordsSection(words: LastWords): Html {
  const { ended, name, beats, claimedAgoMs, worstCycleMs, lateCycles, phase, where, slowPlaces } = words
  return html`<h4>The claim before</h4>
${list([
  ['Worker', name],
  ['Ended', ended],
  ['Claimed', `${sayMs(claimedAgoMs)} ago`],
  ['Beats', String(beats)],
  ['Worst cycle', sayMs(worstCycleMs)],
  ['Late cycles', String(lateCycles)],
  ...(phase === null ? [] : ([['In phase', phase]] as const)),
])}
${where === null ? nothing : html`<p>Where it was${where.isCurrent ? ' when it ended' : ' silent before'}:</p>${framesOf(where.frames)}`}
${slowPlaces.length === 0 ? nothing : placesOf(slowPlaces)}`
}
