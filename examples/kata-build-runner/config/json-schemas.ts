import { buildSchema } from './build-schema.js'
import { type Described, describedSchema } from './described-schema.js'
import { executorConfigSchema } from './executor-schema.js'

const files: Record<string, Described> = {
  'build.schema.json': {
    schema: buildSchema,
    title: "A build: the runner's build.yaml",
    docs: 'build-file.md',
    prefixes: [''],
  },
  'executor.schema.json': {
    schema: executorConfigSchema,
    title: "Executors: the runner's executor.yaml",
    docs: 'executor-config.md',
    prefixes: ['executor.', 'executor.<name>.options.kubernetes.'],
  },
}

/**
 * The JSON Schemas of the runner's files by their names, for editors: from the same schemas as the runner reads the files
 * by, with what the documents say of each key.
 *
 * @param read a file of `docs/`
 */
export function jsonSchemas(read: (docs: string) => string): Record<string, object> {
  const entries = Object.entries(files).map(([name, file]) => [name, describedSchema(file, read(file.docs))])
  return Object.fromEntries(entries)
}
