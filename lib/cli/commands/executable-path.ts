import { Command } from 'commander'
import { guardPath, probePath } from '../../executables.js'

export function probePathCommand(): Command {
  return pathCommand('probe-path', 'shm-probe', probePath)
}

export function guardPathCommand(): Command {
  return pathCommand('guard-path', 'shm-guard', guardPath)
}

function pathCommand(name: string, program: string, path: () => string): Command {
  return new Command(name).description(`the absolute path of ${program} for this machine`).action(() => {
    console.log(path())
  })
}
