import { open, rename, rm } from 'node:fs/promises'
import { harmless } from '../model/plain-text.js'
import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'

/**
 * Writes a result as JSON; a reader sees the old file or the whole new one.
 *
 * @throws RunnerError `RESULT_FILE`
 */
export async function writeResult(path: string, result: BuildResult | readonly BuildResult[]): Promise<void> {
  // In the same directory: a rename does not cross file systems.
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeWhole(temporary, `${JSON.stringify(result, harmlessText, 2)}\n`)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    const why = error instanceof Error ? error.message : String(error)
    throw new RunnerError(
      'RESULT_FILE',
      `cannot write the result to ${path}: ${why}`,
      'name a file in a directory that exists and can be written to',
      { cause: error },
    )
  }
}

/** Whoever shows the file must not be harmed by it: steps print what they like, and the guard's record tells of it. */
function harmlessText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? harmless(value) : value
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    // Or the name could outlive a power cut, and the content not.
    await file.sync()
  } finally {
    await file.close()
  }
}
