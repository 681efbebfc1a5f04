// Runs the tests on a real cluster: all of them, or the files of test/cluster that are named, as in
// `npm run test:cluster -- builds cost`. The first flag and all arguments behind it go to vitest.
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))
const folder = 'test/cluster'
const suffix = '.test.ts'
const known = readdirSync(folder)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort()
const args = process.argv.slice(2)
const firstFlag = args.findIndex((arg) => arg.startsWith('-'))
const names = (firstFlag < 0 ? args : args.slice(0, firstFlag)).map((arg) => basename(arg, suffix))
const unknown = names.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`test:cluster: unknown name: ${unknown.join(', ')}. The names are: ${known.join(', ')}`)
  process.exit(2)
}
const files = names.map((name) => join(folder, `${name}${suffix}`))
const flags = args.slice(names.length)
// In this process, which then gets each signal itself: the tests clean up after an interruption.
process.argv.splice(2, args.length, 'run', '--config', 'vitest.cluster.config.ts', ...files, ...flags)
await import('../node_modules/vitest/vitest.mjs')
