import type { conditions, WrittenService } from './schema.js'

/** A service as it is run, and what it waits for. */
export interface Service {
  name: string
  image: string
  /** In place of the image's ENTRYPOINT. */
  entrypoint?: string[] | undefined
  /** In place of the image's CMD. */
  command?: string[] | undefined
  environment: Record<string, string>
  dependsOn: { service: string; condition: Condition }[]
  health?: Health | undefined
  workingDirectory?: string | undefined
  user?: string | undefined
  tmpfs: string[]
  mounts: Mount[]
  ports: number[]
  watch?: Watch | undefined
}

export type Condition = (typeof conditions)[number]

/** Compose's healthcheck. */
export interface Health {
  argv: string[]
  intervalMs: number
  timeoutMs: number
  retries: number
  startPeriodMs: number
}

/** `x-shm-liveness`. */
export interface Watch {
  ready?: 'notify' | 'worker' | undefined
  startWithinMs: number
  /** With its unit: `5m`. */
  silenceBudget?: string | undefined
}

export interface Mount {
  /** A named volume, or a path of the host. */
  source: { volume: string } | { path: string }
  target: string
  isReadOnly: boolean
}

/** The tests, and all services that they need, each after those that it depends on. The tests are the last. */
export interface Project {
  name: string
  services: Service[]
  tests: Service
  volumes: string[]
}

export function serviceOf(name: string, written: WrittenService): Service {
  const { healthcheck: health, 'x-shm-liveness': watch } = written
  return {
    ...{ name, image: written.image, entrypoint: written.entrypoint, command: written.command },
    ...{ environment: written.environment, workingDirectory: written.working_dir, user: written.user },
    ...{ tmpfs: written.tmpfs, mounts: written.volumes.map(mountOf) },
    dependsOn: Object.entries(written.depends_on).map(([service, { condition }]) => ({ service, condition })),
    health: health && {
      ...{ argv: health.test, intervalMs: health.interval, timeoutMs: health.timeout },
      ...{ retries: health.retries, startPeriodMs: health.start_period },
    },
    ports: [...new Set([...written.ports, ...written.expose].map(containerPort))],
    watch: watch && { ready: watch.ready, startWithinMs: watch.startWithin, silenceBudget: watch.silenceBudget },
  }
}

/** Whether it says when it is ready; without that it only can be started. */
export function saysReady({ health, watch }: Service): boolean {
  return health !== undefined || watch?.ready !== undefined
}

/** Whether somebody waits for its end: it then is a job that runs before, and not a service. */
export function runsToEnd({ name }: Service, services: readonly Service[]): boolean {
  return services.some(({ dependsOn }) =>
    dependsOn.some(({ service, condition }) => service === name && condition === 'service_completed_successfully'),
  )
}

function mountOf(written: string): Mount {
  const [source = '', target = '', mode] = written.split(':')
  const isPath = /^[./]/.test(source)
  return { source: isPath ? { path: source } : { volume: source }, target, isReadOnly: mode === 'ro' }
}

function containerPort(written: number | string): number {
  return Number(
    String(written)
      .replace(/\/tcp$/, '')
      .split(':')
      .at(-1),
  )
}
