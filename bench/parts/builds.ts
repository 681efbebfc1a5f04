import { once } from 'node:events'
import type { Tally, Written } from '../programs/fake-cluster.js'
import type { Followed, Read } from '../programs/follow-builds.js'
import type { Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

const mostMib = 300

/** Many builds of the build runner, followed by one process, in a cluster that is another. */
export async function builds(session: Session): Promise<Row[]> {
  const count = session.quick ? 50 : 500
  const cluster = session.startNode('fake-cluster', [String(count)])
  const [first] = (await Promise.race([once(cluster.child.stdout!, 'data'), cluster.output])) as [Buffer]
  const { kubeconfig } = JSON.parse(String(first)) as { kubeconfig: string }
  const followed = JSON.parse(await session.runNode('follow-builds', [String(count), kubeconfig])) as Followed
  cluster.child.stdin?.end()
  const tally = JSON.parse((await cluster.output).trim().split('\n').at(-1) ?? '') as Tally
  return rowsOf(count, followed, tally)
}

function rowsOf(count: number, followed: Followed, tally: Tally): Row[] {
  const pairs = Object.entries(followed.builds).map(([id, read]) => ({ id, read, written: tally.builds[id] }))
  const lost = pairs.filter(({ read }) => read.lostBytes > 0)
  const lostBytes = lost.reduce((sum, { read }) => sum + read.lostBytes, 0)
  const wrong = pairs.filter(({ read, written }) => undetected(read, written) !== 0 || isCorrupt(read, written))
  const undetectedBytes = wrong.reduce((sum, { read, written }) => sum + Math.abs(undetected(read, written)), 0)
  const failed = pairs.filter(({ read }) => read.outcome !== 'succeeded' || read.attempt !== 1)
  const total = (of: (read: Read) => number): number => pairs.reduce((sum, { read }) => sum + of(read), 0)
  const [first] = failed
  if (first !== undefined) {
    throw new Error(`${failed.length} builds failed, such as ${first.id}: ${JSON.stringify(first.read)}`)
  }
  if (tally.atOnce < count) throw new Error(`no more than ${tally.atOnce} of ${count} builds were followed at once`)
  const isTried = lost.length + wrong.length > 0 && tally.brokenStreams > 0 && tally.refusedLogs > 0
  if (!isTried) throw new Error('no log lost anything, so this proves nothing')
  const mib = followed.peakKb / 1024
  const [wall, cpu] = [followed.wallMs, followed.cpuMs].map((ms) => (ms / 1000).toFixed(1))
  const megabytes = (total(({ bytes }) => bytes) / 1e6).toFixed(1)
  return [
    {
      what: `${count} builds followed at once by one runner, peak of its memory`,
      measured: `${mib.toFixed(0)} MiB`,
      bar: { ...atMost(mostMib, mib), text: `<= ${mostMib} MiB` },
      figures: `${wall} s, ${cpu} s of CPU, ${megabytes} MB of log; node without flags`,
    },
    {
      what: '  bytes of their logs lost without a word',
      measured: wrong.length === 0 ? '0' : `${undetectedBytes}, ${wrong.length} builds wrong`,
      bar: { text: '0', reached: wrong.length === 0 },
      figures:
        `told of: ${lostBytes} bytes in ${lost.length} builds; ${tally.brokenStreams} streams broken, ` +
        `${tally.refusedLogs} requests met 401, 403 or 404, one outage of 10 s, ` +
        `${total(({ reconnects }) => reconnects)} reconnects`,
    },
  ]
}

/** Bytes that were written, and neither came nor were told to be missing; negative: that came twice. */
function undetected(read: Read, written: Written | undefined): number {
  return (written?.bytes ?? Number.NaN) - read.bytes - read.lostBytes
}

/** Of a log that is said to be whole. */
function isCorrupt(read: Read, written: Written | undefined): boolean {
  const claimsAll = read.lostBytes === 0 && read.isComplete
  return claimsAll ? read.digest !== written?.digest : read.lostBytes === 0
}
