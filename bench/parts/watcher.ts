import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { residentKb, shareOf } from '../support/processes.js'
import type { Process, Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

const program = fileURLToPath(new URL('../../examples/buildkit-ci/main.js', import.meta.url))
const builds = 300
/** While no build writes, and while each writes a line a second. */
const bars = { silent: { percent: 3, mib: 250 }, talking: { percent: 20, mib: 250 } }

/** `buildkit-ci watch` beside a daemon with many builds at once. */
export async function watcher(session: Session): Promise<Row[]> {
  const socket = session.temporaryFile('buildkitd.sock')
  const daemon = session.startNode('fake-daemon', [socket, String(builds)])
  await said(daemon, 'listens')
  const place = ['--addr', `unix://${socket}`, '--daemon-region', session.newRegion()]
  const { child } = session.start(process.execPath, [program, 'watch', ...place])
  await said(daemon, 'followed')
  const pid = child.pid as number
  const rowsOf = async (what: string, { percent, mib }: { percent: number; mib: number }): Promise<Row[]> => {
    await sleep(3_000) // the start: V8 compiles what runs now
    const share = await shareOf(pid, () => sleep(session.quick ? 5_000 : 30_000))
    const resident = residentKb(pid) / 1024
    return [
      {
        what,
        measured: `${share.toFixed(2)} % of one CPU`,
        bar: { ...atMost(percent, share), text: `<= ${percent} %` },
      },
      {
        what: '  resident',
        measured: `${resident.toFixed(0)} MiB`,
        bar: { ...atMost(mib, resident), text: `<= ${mib} MiB` },
      },
    ]
  }
  const silent = await rowsOf(`buildkit-ci watch, ${builds} builds that write nothing`, bars.silent)
  daemon.child.stdin?.write('talk\n')
  const talking = await rowsOf('  each of which writes a line a second', bars.talking)
  child.kill()
  daemon.child.stdin?.end()
  return [...silent, ...talking]
}

async function said({ child, output }: Process, text: string): Promise<void> {
  for (let seen = ''; !seen.includes(text); ) {
    const data = once(child.stdout as NonNullable<typeof child.stdout>, 'data')
    const [more] = (await Promise.race([data, output.then(() => Promise.reject(new Error('fake-daemon ended')))])) as [
      Buffer,
    ]
    seen += more
  }
}
