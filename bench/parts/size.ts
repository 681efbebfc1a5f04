import { readFileSync, statSync } from 'node:fs'
import { guardPath, probePath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { atMost, type Row } from '../table.js'

export async function size(): Promise<Row[]> {
  const [probe, guard] = [statSync(probePath()).size, statSync(guardPath()).size]
  return [
    { what: 'shm-probe file, bytes', measured: String(probe), bar: atMost(40 * 1024, probe) },
    { what: 'shm-guard file, bytes', measured: String(guard), bar: atMost(112 * 1024, guard) },
  ]
}

export async function syscalls(session: Session): Promise<Row[]> {
  const what = 'system calls of a healthy one-worker run'
  return session.withWorkers(1, async (region) => {
    const trace = session.temporaryFile('trace')
    try {
      await session.run('strace', ['-f', '-o', trace, probePath(), '--region', region])
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return [{ what, measured: 'not measured', figures: 'strace is not installed' }]
    }
    const names = [...readFileSync(trace, 'utf8').matchAll(/^\d+ +(\w+)\(/gm)].map((match) => match[1])
    const figures = `${names.join(' ')} (execve counted)`
    return [{ what, measured: String(names.length), bar: atMost(12, names.length), figures }]
  })
}
