import type { BuildResult } from '../model/result.js'

/** The article's table over results of one build under several runtime classes; ends with a line end. */
export function compareTable(_results: readonly BuildResult[]): string {
  return ''
}
