import { readdirSync, readFileSync } from 'node:fs'

/** The states of the children of a process: `S`, `Z` … */
export function statesOfChildren(parent: number): string[] {
  const stats = readdirSync('/proc').flatMap((entry) => {
    try {
      return /^\d+$/.test(entry) ? [readFileSync(`/proc/${entry}/stat`, 'latin1')] : []
    } catch {
      return [] // gone, or going
    }
  })
  const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' '))
  return fields.filter((field) => Number(field[1]) === parent).map((field) => field[0] as string)
}
