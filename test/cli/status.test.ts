import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Heartbeat, probePath } from 'shm-liveness'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shmLiveness, spawnShmLiveness } from '../support/command.js'

const dir = mkdtempSync('/dev/shm/test-status-')
const claim = (name: string) => Heartbeat.claim({ region: 'vision', name, maxAge: '90s', dir })
let grabber: Heartbeat
let sorter: Heartbeat

beforeAll(() => {
  claim('sorter').stop()
  grabber = claim('grabber')
  grabber.beat()
  grabber.ready()
  grabber.phase('calibrate', { budget: '5m' })
  sorter = claim('sorter')
  sorter.notReady('no model yet')
})
afterAll(() => {
  grabber.stop()
  sorter.stop()
  rmSync(dir, { recursive: true, force: true })
})

describe('status', () => {
  it('is a table of the workers, with what they say and what was before', async () => {
    const done = await shmLiveness(['status', 'vision', '--dir', dir])
    expect(done).toMatchObject({ code: 0, stderr: '' })
    const [heading, ...rows] = done.stdout.split('\n').map((line) => line.split(/ {2,}/))
    expect(heading).toEqual(['WORKER', 'STATE', 'READY', 'AGE', 'LIMIT', 'BEATS', 'WORST CYCLE', 'LATE', 'PID', 'NOTE'])
    const pid = String(process.pid)
    const any = expect.stringMatching(/^[\d.]+ m?s$/)
    expect(rows).toContainEqual([
      'grabber',
      'running',
      'yes',
      any,
      '5 min',
      '1',
      '0 ms',
      '0',
      pid,
      'in phase "calibrate"',
    ])
    const note = 'no model yet; before: stopped after 0 beats'
    expect(rows).toContainEqual(['sorter', 'starting', 'no', any, '1 min 30 s', '0', '0 ms', '0', pid, note])
  })

  it('takes region and directory from the environment, as the programs do', () => {
    const env = { SHM_LIVENESS_REGION: 'vision', SHM_LIVENESS_DIR: dir }
    expect(spawnShmLiveness(['status'], '', env).stdout).toContain('grabber')
  })

  it('gives all of it as JSON', async () => {
    const workers = JSON.parse((await shmLiveness(['status', 'vision', '--dir', dir, '--json'])).stdout)
    const found = workers.find(({ name }: { name: string }) => name === 'grabber')
    expect(found).toMatchObject({ state: 'running', beats: 1, phase: 'calibrate', limitMs: 300_000 })
    expect(found.incarnation).toMatch(/^\d+$/)
    expect(found.histogram).toHaveLength(64)
  })

  it('exits 3 over a region that is not there or is none, 2 over a name that is none', async () => {
    expect(await shmLiveness(['status', 'none', '--dir', dir])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('"none"'),
    })
    writeFileSync(`${dir}/odd`, 'text')
    expect(await shmLiveness(['status', 'odd', '--dir', dir])).toMatchObject({ code: 3, stdout: '' })
    expect(await shmLiveness(['status', '.none', '--dir', dir])).toMatchObject({ code: 2 })
    expect(await shmLiveness(['status', 'a', 'b'])).toMatchObject({ code: 2 })
  })
})

describe('probe-path and guard-path', () => {
  it('print where the executables are', async () => {
    expect(await shmLiveness(['probe-path'])).toEqual({ code: 0, stdout: `${probePath()}\n`, stderr: '' })
  })
})

describe('the command line', () => {
  it('tells version and help, and refuses no command', async () => {
    expect(await shmLiveness(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
    expect(await shmLiveness(['--help'])).toMatchObject({ code: 0, stderr: '' })
    expect((await shmLiveness(['wire', '--help'])).stdout).toContain('--all-containers')
    expect(await shmLiveness([])).toMatchObject({ code: 2, stdout: '' })
  })
})
