import type { Podman } from './podman.js'

export interface ContainerState {
  isRunning: boolean
  /** Undefined, if it never ran. */
  exitCode: number | undefined
}

/** What podman knows of a container: `podman run` itself exits with 125 to 127 for reasons of its own, too. */
export async function stateOf(podman: Podman, container: string): Promise<ContainerState> {
  const text = await podman.run([
    'inspect',
    '--type',
    'container',
    '--format',
    '{{.State.Status}} {{.State.ExitCode}}',
    container,
  ])
  const [status = '', code = ''] = text.trim().split(' ')
  const hasEnded = status === 'exited' || status === 'stopped'
  return { isRunning: status === 'running', exitCode: hasEnded ? Number(code) : undefined }
}
