/** What /proc says a process takes. */
import { readdirSync, readFileSync } from 'node:fs'

/** Nanoseconds on a CPU so far, of all its threads, by the scheduler's own count (proc(5) has only ticks of 10 ms). */
export function cpuNs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      return sum // the thread has ended meanwhile
    }
  }, 0)
}

/** The share of one CPU, in percent, that it takes while `during` lasts. */
export async function shareOf(pid: number, during: () => Promise<unknown>): Promise<number> {
  const [cpu, at] = [cpuNs(pid), performance.now()]
  await during()
  return ((cpuNs(pid) - cpu) / 1e6 / (performance.now() - at)) * 100
}

/** Resident KiB, but for the mapped regions. */
export function residentKb(pid: number): number {
  let total = 0
  let counts = true
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = !line.includes('/dev/shm/')
    const kb = /^Rss: +(\d+) kB/.exec(line)
    if (kb !== null && counts) total += Number(kb[1])
  }
  return total
}
