import { existsSync, writeFileSync } from 'node:fs'
import { probePath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { type Contender, compareSpawns } from '../support/spawning.js'
import { ratioText, spreadText } from '../support/statistics.js'
import { atLeast, atMost, type Row } from '../table.js'

function rowOf(what: string, { us, ratio }: Contender, base: Contender | undefined): Row {
  return {
    what,
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    figures: `${us.toFixed(1)} µs by ${base?.us.toFixed(1)} µs`,
  }
}

function installed(name: string): string {
  return ['/usr/bin', '/bin'].map((directory) => `${directory}/${name}`).find((path) => existsSync(path)) ?? name
}

export async function spawn(session: Session): Promise<Row[]> {
  const empty = await session.helper('empty')
  const touched = session.temporaryFile('touched')
  writeFileSync(touched, '')
  return session.withWorkers(1, async (region) => {
    const probe = [probePath(), '--region', region]
    const rounds = session.quick ? 300 : 2000

    const [floor, ours] = await compareSpawns(session, rounds, [[empty], probe])
    if (ours === undefined) throw new Error('no answer')
    const rows: Row[] = [
      {
        ...rowOf('shm-probe, spawn to exit, by an empty static program', ours, floor),
        bar: atMost(1.15, ours.ratio.median),
      },
    ]
    const others: [string, string[]][] = [
      ['cat of a touched file by shm-probe', [installed('cat'), touched]],
      ['  sh -c true', [installed('sh'), '-c', 'true']],
      ['  find -mmin', [installed('find'), touched, '-mmin', '-1']],
    ]
    const libc = await session.helper('empty_libc').catch(() => undefined)
    if (libc !== undefined) others.push(['  an empty program with a static libc', [libc]])
    const commands = [probe, ...others.map(([, command]) => command)]
    const [base, ...answers] = await compareSpawns(session, rounds / 4, commands)
    answers.forEach((answer, i) => {
      const row = rowOf(others[i]?.[0] ?? '', answer, base)
      rows.push(i === 0 ? { ...row, bar: atLeast(4, answer.ratio.median) } : row)
    })
    const [again, node] = await compareSpawns(session, session.quick ? 3 : 9, [probe, [process.execPath, '-e', '0']])
    if (node !== undefined) rows.push(rowOf('  node -e 0', node, again))
    return rows
  })
}
