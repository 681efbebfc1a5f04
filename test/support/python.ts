import { existsSync } from 'node:fs'

const debians = '/usr/bin/python3'

/**
 * Python without its site packages, so that it starts in 20 ms. A `python3` in PATH may be the script of a version
 * manager, which takes ten times as long.
 */
export const python: [command: string, ...flags: string[]] = [existsSync(debians) ? debians : 'python3', '-S']
