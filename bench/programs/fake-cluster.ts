/**
 * `fake-cluster BUILDS`: the fake API server with a kubelet that runs so many builds. Prints where it is as JSON; once
 * its standard input ends, what it wrote into each log, and ends.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { boots, FakeKubeApi, guardRuns, type Move } from '../../test/fakes/kube-api/index.js'
import { fateOf, idOf, piecesOf } from '../support/sample-builds.js'

/** What the kubelet of this cluster wrote for a build. */
export interface Written {
  /** Of the whole stream, the guard's lines included. */
  bytes: number
  rotations: number
  /** SHA-256 of the build's own output. */
  digest: string
}

export interface Tally {
  /** Followed at the moment at which all went on. */
  atOnce: number
  brokenStreams: number
  /** Log requests that met a 401, 403 or 404. */
  refusedLogs: number
  builds: Record<string, Written>
}

const builds = Number(process.argv[2])
const rotateAtBytes = 16 * 1024
const breakAfterBytes = 20_000
/** Builds wait for each other, but not for ever: what kept some from being followed is to be seen. */
const longestWaitMs = 180_000
const betweenPiecesMs = 200
/** What log requests meet for a while: a token that is being renewed, a kubelet that has just started. By the build's last digit. */
const refusals = { 1: 401, 2: 403, 4: 404 } as const
const refusalsOfBuild = 2
/** The API server is away once, in the midst of all logs. Four minutes of simulated time are in `test/build-runner/follow/lives`. */
const outage = { afterMs: 4_000, ms: 10_000 }

const kube = await FakeKubeApi.start()
const began = performance.now()
let atOnce = 0
let isOpen = false
const gate = setInterval(() => {
  const followed = new Set(kube.requests.flatMap(({ path }) => /\/pods\/([^/]+)\/log\?/.exec(path)?.[1] ?? []))
  atOnce = followed.size
  isOpen = atOnce >= builds || performance.now() - began > longestWaitMs
  if (!isOpen) return
  clearInterval(gate)
  setTimeout(goAway, outage.afterMs)
}, 250)

function goAway(): void {
  const away = kube.faults.always('*', /./, { drop: true })
  kube.dropConnections()
  setTimeout(() => away.end(), outage.ms)
}

/** Nothing, until all builds are being followed. */
function* waiting(): Generator<string> {
  while (!isOpen) yield ''
}

const rotatesEarly: Move = (life) => {
  Object.assign(life.log('build').settings, { rotateAtBytes, followSkips: true })
}

for (let number = 1; number <= builds; number++) {
  const fate = fateOf(number)
  const rotates = fate === 'whole' || fate === 'breaks' ? [] : [rotatesEarly]
  const steps = [
    { output: waiting(), everyMs: 250 },
    { output: piecesOf(number), everyMs: betweenPiecesMs },
  ]
  kube.scenario(`${idOf(number)}-1`, [boots({ cached: true }), ...rotates, guardRuns({ steps })])
}
const breaking = builds / 5
const broken = kube.faults.next('GET', /\/pods\/b-\d*[79]-1-[^/]+\/log/, { dropAfterBytes: breakAfterBytes }, breaking)
const refused = Object.entries(refusals).map(([digit, status]) =>
  kube.faults.next('GET', new RegExp(`/pods/b-\\d*${digit}-1-[^/]+/log`), { status }, (builds / 10) * refusalsOfBuild),
)
console.log(JSON.stringify({ kubeconfig: kube.kubeconfig }))

process.stdin.resume()
await once(process.stdin, 'end')
clearInterval(gate)
const tally: Tally = { atOnce, brokenStreams: broken.done, refusedLogs: 0, builds: {} }
for (const { done } of refused) tally.refusedLogs += done
for (let number = 1; number <= builds; number++) {
  const [pod] = kube.podsOf(`${idOf(number)}-1`)
  if (pod === undefined) continue
  const { writtenBytes: bytes, rotations } = kube.logOf(pod)
  const digest = createHash('sha256').update(piecesOf(number).join('')).digest('hex')
  tally.builds[idOf(number)] = { bytes, rotations, digest }
}
console.log(JSON.stringify(tally))
await kube.stop()
