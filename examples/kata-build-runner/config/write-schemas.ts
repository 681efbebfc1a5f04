/** `npm run schemas`: writes the JSON Schemas of build.yaml and executor.yaml beside them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jsonSchemas } from './json-schemas.js'

const root = dirname(fileURLToPath(import.meta.resolve('shm-liveness/package.json')))
const example = join(root, 'examples/kata-build-runner')
const schemas = jsonSchemas((docs) => readFileSync(join(example, 'docs', docs), 'utf8'))
for (const [name, schema] of Object.entries(schemas)) {
  writeFileSync(join(example, name), `${JSON.stringify(schema, null, 2)}\n`)
}
