import { plainLines } from '../../kata-build-runner/model/plain-text.js'

/** A line for people, on standard error: the log of a container. Names of steps are a build's own text. */
export function say(line: string): void {
  process.stderr.write(`${plainLines(`buildkit-ci: ${line}`)}\n`)
}
