import { Command } from 'commander'
import { guardPath, probePath } from '../../executables.js'
import type { Session } from '../session.js'

export function probePathCommand(session: Session): Command {
  return pathCommand(session, 'probe-path', 'shm-probe', probePath)
}

export function guardPathCommand(session: Session): Command {
  return pathCommand(session, 'guard-path', 'shm-guard', guardPath)
}

function pathCommand({ streams }: Session, name: string, program: string, path: () => string): Command {
  return new Command(name).description(`the absolute path of ${program} for this machine`).action(() => {
    streams.stdout.write(`${path()}\n`)
  })
}
