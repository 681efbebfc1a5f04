import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { shareOf } from '../support/processes.js'
import type { Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

const main = fileURLToPath(new URL('cli/main.js', import.meta.resolve('shm-liveness')))
/** In percent of one CPU. */
const bars: Record<number, number> = { 10: 2, 1024: 8 }

/** The program in the terminal, once it shows the table. */
async function shown(session: Session, region: string): Promise<number> {
  const command = `stty rows 50 cols 160; exec ${process.execPath} ${main} top ${region}`
  const script = ['TERM=xterm', 'script', '--quiet', '--flush', '--command', command, '/dev/null']
  const { child } = session.start('env', script)
  await new Promise<void>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (data) => {
      text += data
      if (text.includes('WORKER')) resolve()
    })
    child.once('close', () => reject(new Error(`top ended: ${text}`)))
  })
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
}

/** The live table of `shm-liveness top` in a terminal of 50 lines, at its look a second. */
export async function top(session: Session): Promise<Row[]> {
  const rows: Row[] = []
  for (const workers of [10, 1024]) {
    const share = await session.withWorkers(workers, async (region) => {
      const pid = await shown(session, region)
      await sleep(3_000) // the start: V8 compiles what runs each second
      const measured = await shareOf(pid, () => sleep(session.quick ? 5_000 : 30_000))
      process.kill(pid, 'SIGTERM')
      return measured
    })
    rows.push({
      what: `shm-liveness top, a look a second over ${workers.toLocaleString('en')} workers`,
      measured: `${share.toFixed(2)} % of one CPU`,
      bar: { ...atMost(bars[workers] ?? 0, share), text: `<= ${bars[workers]} %` },
    })
  }
  return rows
}
