import type { BuildResult } from '../model/result.js'

/** Writes a result as JSON; a reader sees the old file or the whole new one. Throws a RunnerError. */
export async function writeResult(_path: string, _result: BuildResult | readonly BuildResult[]): Promise<void> {}
