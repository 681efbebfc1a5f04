import { Command } from 'commander'
import type { Result } from '../../conformance/run.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import type { Session } from '../session.js'

interface Flags {
  dir?: string
  only?: string[]
  json?: true
}

export function conformanceCommand(session: Session): Command {
  const { streams } = session
  const program = new Command('conformance')
    .description('drives a worker of any language, and checks all bytes and verdicts: docs/conformance.md')
    .argument('<command...>', 'how a worker is started; its arguments stand behind --')
    .option('--dir <dir>', 'where the regions are made, a tmpfs (default: SHM_LIVENESS_DIR, else /dev/shm)')
    .option('--only <scenarios...>', 'these scenarios only')
    .option('--json', 'all results as JSON')
    .action(async (command: string[], flags: Flags) => {
      // Only here, so that the other commands run where there is no addon.
      const { conformance, scenarios } = await import('../../conformance/run.js')
      const names = scenarios.map(({ name }) => name)
      const unknown = flags.only?.find((name) => !names.includes(name))
      if (unknown !== undefined) {
        throw new CommandError(exitCodes.usage, `--only "${unknown}" is not a scenario. Use: ${names.join(', ')}`)
      }
      const results = await started(() =>
        conformance({
          command,
          directory: flags.dir ?? (process.env['SHM_LIVENESS_DIR'] || '/dev/shm'),
          ...(flags.only === undefined ? {} : { only: flags.only }),
          ...(flags.json ? {} : { onResult: (result) => streams.stdout.write(linesOf(result)) }),
        }),
      )
      streams.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : `${summaryOf(results)}\n`)
      if (results.some(({ outcome }) => outcome === 'failed')) session.status = exitCodes.found
    })
  return withHelp(program, {
    exits: { ok: 'all scenarios passed', found: 'a scenario failed', unreadable: 'the worker does not start' },
    examples: [
      ['shm-liveness conformance -- ./my-worker --stdio', 'all scenarios'],
      ['shm-liveness conformance --only beat phase -- ./my-worker', 'two of them'],
    ],
  })
}

/** Takes regions and workers away before the process ends by a signal. */
async function interruptible<Value>(run: () => Promise<Value>): Promise<Value> {
  const { endAll } = await import('../../conformance/scene.js')
  const on = (status: number) => () => void endAll().then(() => process.exit(status))
  const handlers = { SIGINT: on(130), SIGTERM: on(143) }
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  try {
    return await run()
  } finally {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}

/** A worker that does not even say what it can do is an input that cannot be read. */
async function started<Value>(run: () => Promise<Value>): Promise<Value> {
  try {
    return await interruptible(run)
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ProtocolError')) throw error
    throw new CommandError(exitCodes.unreadable, `conformance: ${error.message}`, { cause: error })
  }
}

function linesOf({ scenario, proves, outcome, checks, failures }: Result): string {
  const heading = `${outcome.padEnd(8)}  ${scenario.padEnd(10)}  ${proves}${checks > 0 ? ` (${checks} checks)` : ''}\n`
  return heading + failures.map((failure) => `            ${failure}\n`).join('')
}

function summaryOf(results: readonly Result[]): string {
  const count = (outcome: Result['outcome']): number => results.filter((result) => result.outcome === outcome).length
  const checks = results.reduce((sum, result) => sum + result.checks, 0)
  return `${count('passed')} passed, ${count('failed')} failed, ${count('left out')} left out; ${checks} checks`
}
