import { describedSchema } from '../../kata-build-runner/config/described-schema.js'
import { ciSchema } from './ci-schema.js'

export const schemaFile = 'ci.schema.json'
export const keysDocument = 'docs/config.md'

/**
 * The JSON Schema of ci.yaml, for editors.
 *
 * @param markdown docs/config.md, which describes every key
 */
export function ciJsonSchema(markdown: string): object {
  const title = 'CI of container images: ci.yaml'
  return describedSchema({ schema: ciSchema, title, docs: 'config.md', prefixes: [''] }, markdown)
}
