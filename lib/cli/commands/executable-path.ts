import { Command } from 'commander'
import { guardPath, probePath } from '../../executables.js'
import { type Help, withHelp } from '../help.js'
import type { Session } from '../session.js'

export function probePathCommand(session: Session): Command {
  return pathCommand(session, 'probe-path', 'shm-probe', probePath, [
    ['shm-liveness probe-path', 'where it is'],
    ['"$(shm-liveness probe-path)" --self-test', 'run it'],
  ])
}

export function guardPathCommand(session: Session): Command {
  return pathCommand(session, 'guard-path', 'shm-guard', guardPath, [
    ['shm-liveness guard-path', 'where it is'],
    ['"$(shm-liveness guard-path)" --restart 5 -- node worker.js', 'run it'],
  ])
}

function pathCommand(
  { streams }: Session,
  name: string,
  program: string,
  path: () => string,
  examples: Help['examples'],
): Command {
  const command = new Command(name).description(`the absolute path of ${program} for this machine`).action(() => {
    streams.stdout.write(`${path()}\n`)
  })
  const exits = { ok: 'done', unreadable: 'there is no executable for this machine, or the output cannot be written' }
  return withHelp(command, { exits, examples })
}
