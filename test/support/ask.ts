import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ClaimOptions, Heartbeat } from 'shm-liveness'
import { afterAll, beforeAll } from 'vitest'
import { type ProbeResult, probe, probeAll, type RunResult } from './probe.js'
import { WorkerProcess } from './worker-process.js'

export type Env = Record<string, string>

/** The environment variable that stands in for a flag. */
export const variableOf = (flag: string) => `SHM_LIVENESS_${flag.toUpperCase().replaceAll('-', '_')}`

// On tmpfs, and ours alone: so the region `default` in it is, too.
const dir = mkdtempSync('/dev/shm/flags-')

/** The probe, where {@link regionsForFlags} are. */
export function ask(args: string[], env: Env = {}): Promise<ProbeResult> {
  return probe(args, { env: { SHM_LIVENESS_DIR: dir, ...env } })
}

/** As {@link ask}, for each row of arguments and environment. */
export function askAll(rows: [args: string[], env?: Env][]): Promise<RunResult[]> {
  return probeAll(rows.map(([args, env]) => ({ args, env: { SHM_LIVENESS_DIR: dir, ...env } })))
}

/**
 * Regions that stay as they are for all tests of a file, each for the flag that tells it from the others: `default`
 * beats, `old` has stalled, `late` had a late cycle, `silent` never beat, `dead` is. One `default` is on a disk.
 */
export function regionsForFlags(): { dir: string; disk: string } {
  const disk = mkdtempSync(join(process.cwd(), 'build', 'flags-'))
  const held: Heartbeat[] = []
  const claim = (region: string, options: Partial<ClaimOptions> = {}) => {
    const heartbeat = Heartbeat.claim({ dir, region, name: 'a', maxAge: '1h', ...options })
    held.push(heartbeat)
    return heartbeat
  }
  beforeAll(async () => {
    claim('default').beat()
    claim('old', { maxAge: '1ns' }).beat()
    const late = claim('late', { cycleLimit: '1ns' })
    late.ready()
    for (let i = 0; i < 3; i++) late.beat()
    claim('default', { dir: disk, allowDisk: true }).beat()
    claim('silent')
    const dead = await WorkerProcess.claim({ dir, region: 'dead', name: 'a', maxAge: '1h' })
    await dead.kill()
  })
  afterAll(() => {
    for (const heartbeat of held) heartbeat.stop()
    for (const made of [dir, disk]) rmSync(made, { recursive: true })
  })
  return { dir, disk }
}
