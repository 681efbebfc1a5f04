import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a control group of either version is called, and what it is told. */
const hierarchies = [
  {
    path: (controller: 'cpu' | 'freezer') => `/sys/fs/cgroup/${controller}`,
    quota: (percent: number): Record<string, string> => ({
      'cpu.cfs_period_us': '100000',
      'cpu.cfs_quota_us': String(percent * 1000),
    }),
    freeze: (isFrozen: boolean): Record<string, string> => ({ 'freezer.state': isFrozen ? 'FROZEN' : 'THAWED' }),
  },
  {
    path: () => '/sys/fs/cgroup',
    quota: (percent: number): Record<string, string> => ({ 'cpu.max': `${percent * 1000} 100000` }),
    freeze: (isFrozen: boolean): Record<string, string> => ({ 'cgroup.freeze': isFrozen ? '1' : '0' }),
  },
]

let made = 0

/** A control group of this process's own. Its processes must have ended before it is removed. */
export class Cgroup {
  readonly path: string
  isFrozen = false
  readonly #freeze: (isFrozen: boolean) => Record<string, string>

  private constructor(path: string, freeze: (isFrozen: boolean) => Record<string, string>) {
    this.path = path
    this.#freeze = freeze
  }

  /** Undefined where this process may make none. */
  static withQuota(percent: number): Cgroup | undefined {
    return Cgroup.#make('cpu', ({ quota }) => quota(percent))
  }

  /** As {@link Cgroup.withQuota}. */
  static freezable(): Cgroup | undefined {
    return Cgroup.#make('freezer', ({ freeze }) => freeze(false))
  }

  static #make(
    controller: 'cpu' | 'freezer',
    filesOf: (hierarchy: (typeof hierarchies)[number]) => Record<string, string>,
  ): Cgroup | undefined {
    for (const hierarchy of hierarchies) {
      const path = join(hierarchy.path(controller), `shm-liveness-${process.pid}-${++made}`)
      try {
        mkdirSync(path)
      } catch {
        continue
      }
      const group = new Cgroup(path, hierarchy.freeze)
      const files = filesOf(hierarchy)
      // A folder that is no control group's takes any file, and one without the controller lacks this one.
      if (Object.keys(files).every((file) => existsSync(join(path, file)))) {
        group.#write(files)
        return group
      }
      group.remove()
    }
    return undefined
  }

  add(pid: number): void {
    this.#write({ 'cgroup.procs': String(pid) })
  }

  /** Asks for it; the kernel takes its time. */
  freeze(isFrozen: boolean): void {
    this.isFrozen = isFrozen
    this.#write(this.#freeze(isFrozen))
  }

  /** Periods in which the quota was used up. */
  get throttled(): number {
    return Number(/^nr_throttled (\d+)$/m.exec(readFileSync(join(this.path, 'cpu.stat'), 'utf8'))?.[1])
  }

  remove(): void {
    rmdirSync(this.path)
  }

  #write(files: Record<string, string>): void {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(this.path, file), text)
  }
}
