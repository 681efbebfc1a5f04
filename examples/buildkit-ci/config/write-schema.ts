/** `npm run schemas`: writes the JSON Schema of ci.yaml beside it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ciJsonSchema, keysDocument, schemaFile } from './json-schema.js'

const root = dirname(fileURLToPath(import.meta.resolve('shm-liveness/package.json')))
const example = join(root, 'examples/buildkit-ci')
const schema = ciJsonSchema(readFileSync(join(example, keysDocument), 'utf8'))
writeFileSync(join(example, schemaFile), `${JSON.stringify(schema, null, 2)}\n`)
