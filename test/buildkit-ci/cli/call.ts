import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll } from 'vitest'
import { stringify } from 'yaml'
import { runProgram } from '../../../examples/buildkit-ci/cli/program.js'
import type { Host } from '../../../examples/kata-build-runner/cli/host.js'
import { systemClock } from '../../../examples/kata-build-runner/model/clock.js'
import { images } from '../config/samples.js'

export interface Called {
  code: number
  stdout: string
  stderr: string
}

const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file that lies there until the tests of this file are over. */
export function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** A ci.yaml with these keys beside the two images. */
export function configFile(more: object = {}): string {
  return file('ci.yaml', stringify({ images, ...more }))
}

/** Carries a command line out in this process. */
export async function call(args: string[], clock = systemClock): Promise<Called> {
  const called: Called = { code: 0, stdout: '', stderr: '' }
  const host: Host = {
    stdout: writer((text) => (called.stdout += text)),
    stderr: writer((text) => (called.stderr += text)),
    ...{ env: {}, clock, leave: () => {}, onSignal: () => () => {} },
    setExitCode: (code) => {
      called.code = code
    },
  }
  await runProgram(args, host)
  return called
}

function writer(take: (text: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: Buffer | string, _encoding, done) {
      take(chunk.toString())
      done()
    },
  })
}
