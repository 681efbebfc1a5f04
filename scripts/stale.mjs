// Whether what a script makes is older than what it is made of.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @param {string} made a file or folder
 * @param {string[]} inputs files and folders
 * @returns {boolean} also true if it is not there
 */
export function isStale(made, inputs) {
  return !existsSync(made) || statSync(made).mtimeMs < Math.max(...inputs.map(newest))
}

function newest(path) {
  if (!existsSync(path)) return 0
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(status.mtimeMs, ...readdirSync(path).map((entry) => newest(join(path, entry))))
}
