import { fileURLToPath } from 'node:url'
import type { Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

const program = fileURLToPath(new URL('../programs/idles.js', import.meta.url))
/** The bar of the issue, in percent of one CPU. */
const most = 0.5

async function idleRow(session: Session, what: string, maxAge: string): Promise<Row> {
  const seconds = session.quick ? '4' : '20'
  const variables = [`SHM_LIVENESS_REGION=${session.newRegion()}`, `SHM_LIVENESS_MAX_AGE=${maxAge}`]
  const module = import.meta.resolve('shm-liveness/auto')
  const flags = (on: boolean): string[] => (on ? ['--import', module] : [])
  // In the same time, so that both wake up on the same machine in the same mood.
  const share = async (on: boolean): Promise<number> =>
    Number(await session.run('env', [...variables, process.execPath, ...flags(on), program, seconds]))
  const [supervised, alone] = await Promise.all([share(true), share(false)])
  return {
    what,
    measured: `${(supervised - alone).toFixed(3)} % of one CPU`,
    figures: `${supervised.toFixed(3)} % by ${alone.toFixed(3)} %`,
    bar: { ...atMost(most, supervised - alone), text: `<= ${most} %` },
  }
}

/** What it costs to supervise an idle program that nobody changed, with a thread beside its main one. */
export async function auto(session: Session): Promise<Row[]> {
  return [
    await idleRow(session, 'shm-liveness/auto, an idle program with a thread, max age 10 s', '10s'),
    await idleRow(session, '  same, max age 250 ms', '250ms'),
  ]
}
