import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildFile, readBuildFile } from '../../../examples/kata-build-runner/config/build-file.js'
import { type ExecutorConfig, readExecutorConfig } from '../../../examples/kata-build-runner/config/executor-config.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'

export const example = join(import.meta.dirname, '../../../examples/kata-build-runner')
export const sampleOf = (file: string): string => readFileSync(join(example, file), 'utf8')

/** The least that a build is. */
export const leastBuild = 'id: b1\nimage: node:20\nsteps: [{name: test, argv: [npm, test]}]\n'

export const build = (more = '', base = leastBuild): BuildFile => readBuildFile(base + more, 'build.yaml')
/** A config of one executor, `k8s`, with these lines in `options.kubernetes`. */
export const kubernetes = (...lines: string[]): string =>
  ['executor:', '  k8s:', '    options:', '      kubernetes:', ...lines.map((line) => `        ${line}`)].join('\n')
export const config = (text = 'executor: {k8s: {}}'): ExecutorConfig => readExecutorConfig(text, 'executor.yaml')

/** What a reader refuses with. */
export function refusal(read: () => unknown): RunnerError {
  try {
    read()
  } catch (error) {
    if (error instanceof RunnerError) return error
    throw error
  }
  throw new Error('it was not refused')
}

export const buildRefusal = (more: string, base = leastBuild): string[] => linesOf(() => build(more, base))
export const configRefusal = (text: string): string[] => linesOf(() => config(text))

function linesOf(read: () => unknown): string[] {
  return refusal(read).message.split('\n')
}
