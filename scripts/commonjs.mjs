// Writes what CommonJS users get beside each entry point: index.cjs, which requires the ES module, and index.d.cts, which
// says that to TypeScript. With `module: node16` TypeScript refuses an ES module in a CommonJS file, though Node.js takes
// it since 20.19. The types are those of the ES module, not copies: a Heartbeat of the one is a Heartbeat of the other.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = join(import.meta.dirname, '../dist')

function declarationsOf(api) {
  const isClass = (value) => typeof value === 'function' && Function.prototype.toString.call(value).startsWith('class')
  const values = Object.entries(api).flatMap(([name, value]) => [
    `export declare const ${name}: typeof api.${name}`,
    ...(isClass(value) ? [`export type ${name} = api.${name}`] : []),
  ])
  return [
    "import type * as api from './index.js' with { 'resolution-mode': 'import' }",
    "export type * from './index.js' with { 'resolution-mode': 'import' }",
    ...values,
    '',
  ].join('\n')
}

// Of `auto` only that it is loaded counts, and here it must not be.
for (const [entry, isApi] of [
  ['.', true],
  ['kubernetes', true],
  ['auto', false],
]) {
  const folder = join(dist, entry)
  const api = isApi ? await import(pathToFileURL(join(folder, 'index.js')).href) : undefined
  writeFileSync(join(folder, 'index.cjs'), "'use strict'\nmodule.exports = require('./index.js')\n")
  writeFileSync(join(folder, 'index.d.cts'), api === undefined ? 'export {}\n' : declarationsOf(api))
}
