import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { afterAll } from 'vitest'
import { stringify } from 'yaml'
import type { BudgetFlags } from '../../../examples/buildkit-ci/cli/budget-flags.js'
import { type TlsFlags, tlsOf } from '../../../examples/buildkit-ci/cli/daemon-flags.js'
import { programOf, runProgram } from '../../../examples/buildkit-ci/cli/program.js'
import { Budgets } from '../../../examples/buildkit-ci/progress/budgets.js'
import { endpointOf } from '../../../examples/buildkit-ci/registry/api/endpoint.js'
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
  await runProgram(args, hostOf(called, clock))
  return called
}

/**
 * Reads a command line by the program's own commands, without carrying it out.
 *
 * @throws what the program would refuse it with
 */
export function take(args: string[]): void {
  const program = programOf(hostOf({ code: 0, stdout: '', stderr: '' }, systemClock))
  for (const command of program.commands) command.action(() => takeFlags(command))
  program.parse(args, { from: 'user' })
}

/** What a command reads of its flags and arguments only once it is carried out. */
function takeFlags(command: Command): void {
  const flags = command.opts()
  if ('stepBudget' in flags) {
    const { toldAfter: toldAfterMs, endedAfter: endedAfterMs, stepBudget } = flags as BudgetFlags
    new Budgets({ toldAfterMs, endedAfterMs }, stepBudget)
  }
  if ('tlscacert' in flags) tlsOf(flags as TlsFlags)
  if (command.name() === 'clean') endpointOf(command.args[0] ?? '')
}

function hostOf(called: Called, clock: Host['clock']): Host {
  return {
    stdout: writer((text) => (called.stdout += text)),
    stderr: writer((text) => (called.stderr += text)),
    ...{ env: {}, clock, leave: () => {}, onSignal: () => () => {} },
    setExitCode: (code) => {
      called.code = code
    },
  }
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
