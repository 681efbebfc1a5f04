import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { accepts, Client, freePort, get } from '../support/http-raw.js'
import { marked } from '../support/left-behind.js'
import { begin, connectionsOf, descriptorsOf } from '../support/listening.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-descriptors-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A guard under `ulimit LIMIT`, that listens. */
async function limited(limit: string, args: string[]): Promise<{ guard: Program; port: number }> {
  const port = await freePort()
  const flags = ['--region', uniqueRegion(), '--listen', `127.0.0.1:${port}`, ...args]
  const guard = Program.run('sh', ['-c', `ulimit ${limit} && exec "$@"`, 'sh', guardPath(), ...flags], marked)
  await until('the guard listens', () => accepts(port))
  return { guard, port }
}
const softLimitOf = (pid: number) => /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1]

describe.concurrent('the limit of open files', () => {
  it('is raised for the guard, and the command has what it would have had', async () => {
    const inside = 'ulimit -Sn; ulimit -Hn; exec sleep 60'
    const { guard, port } = await limited('-Sn 40 && ulimit -Hn 500', ['--', 'sh', '-c', inside])
    expect(await guard.said('')).toBe('40')
    expect(await guard.said('')).toBe('500')
    expect(softLimitOf(guard.pid)).toBe('256')
    await begin(port, 64)
    await untilHolds(
      'all are accepted',
      () => connectionsOf(guard.pid),
      (open) => open === 64,
    )
  })

  it('that is high is left alone', async () => {
    const { guard } = await limited('-n 1000', ['--', 'sh', '-c', 'ulimit -Sn; exec sleep 60'])
    expect(await guard.said('')).toBe('1000')
    expect(softLimitOf(guard.pid)).toBe('1000')
  })

  it('leaves room beside any number of clients for a restart and for the record', async () => {
    const log = join(folder, 'restarted')
    const life = 'echo up; read line; exit 3'
    const flags = [`--termination-log=${log}`, '--restart', '1', '--', 'sh', '-c', life]
    const { guard, port } = await limited('-n 60', flags)
    await guard.said('up')
    await begin(port, 60)
    await until('as many are accepted as there are places', () => connectionsOf(guard.pid) === 12)
    guard.tell('end')
    await guard.said('up')
    guard.tell('end')
    expect(await guard.ended).toEqual({ code: 3, signal: null })
    expect(readFileSync(log, 'utf8')).toMatch(/^exited with 3\n\{"outcome":"exited","exit":3,.*"restarts":1,/)
    expect(guard.stderr).not.toContain('too many open files')
  })

  it('that is used up to the last does not keep an old record in the termination log', async () => {
    const log = join(folder, 'used-up')
    writeFileSync(log, 'stalled: an hour ago\n')
    const { guard, port } = await limited('-n 11', [
      `--termination-log=${log}`,
      '--',
      'sh',
      '-c',
      'echo up; read line; exit 3',
    ])
    await guard.said('up')
    // Above the limit there may be some that the guard has inherited.
    const useUp = async () => {
      await Promise.all(Array.from({ length: 20 }, () => Client.connect(port)))
      await until('no descriptor is left', () => descriptorsOf(guard.pid) >= 11)
    }
    await useUp()
    // A probe gets the descriptor of one of them.
    expect(await get(port, '/startupz')).toMatchObject({ status: 503 })
    await useUp()
    guard.tell('end')
    expect(await guard.ended).toEqual({ code: 3, signal: null })
    expect(readFileSync(log, 'utf8')).toMatch(/^exited with 3\n/)
  })
})
