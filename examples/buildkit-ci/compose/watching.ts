import type { Service, Watch } from './project.js'

/** Where the executables are in each container. */
export const programs = '/shm-liveness'

/** Whether shm-guard starts it; a worker that beats by itself needs no guard to be asked. */
export function isGuarded({ ready, silenceBudget }: Watch): boolean {
  return ready === 'notify' || silenceBudget !== undefined
}

/** What its container runs, if the image does not say it: `command` and `args` in Kubernetes' words. */
export function argvOf({ entrypoint, command, watch }: Service): {
  command?: string[] | undefined
  args?: string[] | undefined
} {
  if (watch === undefined || !isGuarded(watch)) return { command: entrypoint, args: command }
  const flags =
    watch.ready === 'notify'
      ? ['--notify', '--startup-grace', `${watch.startWithinMs}ms`]
      : ['--progress', 'output,cpu,io', '--max-age', watch.silenceBudget as string]
  return { command: [`${programs}/shm-guard`, ...flags, '--', ...(entrypoint ?? [])], args: command }
}

/** Each has a region of its own: they share /dev/shm. */
export function environmentOf({ name, environment, watch }: Service): Record<string, string> {
  return watch === undefined ? environment : { ...environment, SHM_LIVENESS_REGION: name }
}
