import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Heartbeat, type LivenessError } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

/** The code with which a claim in this process is refused; undefined if it is not. */
function refusal(options: Partial<Parameters<typeof Heartbeat.claim>[0]>): string | undefined {
  try {
    Heartbeat.claim({ name: 'a', maxAge: '1s', ...options }).stop()
    return undefined
  } catch (error) {
    return (error as LivenessError).code
  }
}

/** The bytes of a region in which a worker of another process has beaten and died. */
async function remains(region: string): Promise<Buffer> {
  const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
  await worker.ask({ do: 'beat' })
  await worker.kill()
  return readFileSync(pathOf(region))
}

function fileForEverybody(path: string): void {
  writeFileSync(path, 'x')
  chmodSync(path, 0o666)
}

describe('what lies in the place of a region', () => {
  const things: [string, (path: string) => void, string][] = [
    ['a directory', (path) => mkdirSync(path), 'REGION_NOT_A_FILE'],
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), 'REGION_NOT_A_FILE'],
    ['a symbolic link', (path) => symlinkSync('/etc/passwd', path), 'REGION_NOT_A_FILE'],
    ['an empty file', (path) => writeFileSync(path, '', { mode: 0o600 }), 'REGION_SIZE'],
    ['random bytes', (path) => writeFileSync(path, randomBytes(86016), { mode: 0o600 }), 'REGION_MAGIC'],
    ['a file for everybody', fileForEverybody, 'REGION_MODE'],
  ]
  it.each(things)('may be %s: exit 3 and its code, at once', async (_, make, code) => {
    const region = uniqueRegion()
    make(pathOf(region))
    const answer = await probe(['--region', region])
    expect(answer).toMatchObject({ code: 3, stdout: expect.stringContaining(`[${code}]`) })
    expect(answer.ms).toBeLessThan(2000)
    // A claim replaces what was a file of ours and no region; it never replaces anything else.
    expect(refusal({ region })).toBe(code === 'REGION_SIZE' || code === 'REGION_MAGIC' ? undefined : code)
  })

  it("may be another user's: believed by root alone", async () => {
    const region = uniqueRegion()
    await remains(region)
    chmodSync(pathOf(region), 0o644)
    expect(await probe(['--region', region], { uid: 65534, gid: 65534 })).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('[REGION_OWNER]'),
    })
    chownSync(pathOf(region), 65534, 65534)
    expect((await probe(['--region', region])).stdout).toMatch(/^dead: a /)
    expect(refusal({ region })).toBe('REGION_OWNER')
  })

  it('may be cut short, also while it is being read: exit 3', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1ms' })
    await worker.ask({ do: 'beat' })
    const reading = probe(['--region', region, '--confirm', '2s'])
    await new Promise((resolve) => setTimeout(resolve, 300))
    truncateSync(pathOf(region), 0)
    expect(await reading).toMatchObject({ code: 3, stdout: expect.stringContaining('[REGION_TRUNCATED]') })
    expect(await worker.ask({ do: 'beat', times: 2 })).toBe(false) // the first one finds out
    expect(await probe(['--region', region])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('[REGION_SIZE]'),
    })
  })

  it('may be of another layout: refused while anybody holds it, replaced then', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    const bytes = readFileSync(pathOf(region))
    bytes.writeUInt32LE(2, 8)
    writeFileSync(pathOf(region), bytes, { flag: 'r+' })
    expect((await probe(['--region', region])).stdout).toContain('[REGION_VERSION]')
    expect(refusal({ region, name: 'b' })).toBe('REGION_IN_USE')
    await worker.kill()
    expect(refusal({ region, name: 'b' })).toBeUndefined()
  })

  it('never makes the probe crash, hang or say healthy, whatever its bytes (300 mutations)', async () => {
    const region = uniqueRegion()
    const good = await remains(region)
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(good)
      for (let n = 0; n <= i % 8; n++) {
        const at = Math.floor(Math.random() * (i % 2 === 0 ? 768 : bytes.length))
        bytes[at] = Math.floor(Math.random() * 256)
      }
      writeFileSync(pathOf(region), i % 10 === 9 ? bytes.subarray(0, Math.floor(Math.random() * bytes.length)) : bytes)
      const { code } = await probe(['--region', region, '--confirm', '0', '--startup-grace', '0'])
      expect([1, 3]).toContain(code)
    }
  })
})

describe('a beat', () => {
  it('far in the future is a fault, and slightly in the future is now', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    await worker.ask({ do: 'beat' })
    const bytes = readFileSync(pathOf(region))
    const beat = bytes.readBigUInt64LE(256)
    const write = (ns: bigint) => {
      bytes.writeBigUInt64LE(ns, 256)
      writeFileSync(pathOf(region), bytes, { flag: 'r+' })
    }
    write(beat + 3_600_000_000_000n)
    expect(await probe(['--region', region])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('[CLOCK_FUTURE]'),
    })
    write(process.hrtime.bigint() + 50_000_000n)
    expect((await probe(['--region', region])).code).toBe(0)
  })
})

describe('a claim', () => {
  it.each(['', '.', '..', 'a/b', '../a', 'a\0b', 'x'.repeat(300), 'grün', 'a b'])(
    'of the name %j is refused',
    (name) => {
      const region = uniqueRegion()
      expect(refusal({ region, name })).toBe('INVALID_NAME')
      expect(refusal({ region: name })).toBe('INVALID_NAME')
      expect(readdirSync('/dev/shm')).not.toContain(region)
    },
  )

  it('of a living name is refused; of many at once exactly one succeeds', async () => {
    const region = uniqueRegion()
    const workers = await Promise.all(Array.from({ length: 8 }, () => WorkerProcess.start()))
    const claims = workers.map((worker) =>
      worker.ask({ do: 'claim', options: { region, name: 'one', maxAge: '1s' } }).then(
        () => 'claimed',
        (error) => error.code,
      ),
    )
    expect((await Promise.all(claims)).sort()).toEqual([...Array(7).fill('NAME_TAKEN'), 'claimed'])
  })

  it('in a full region is refused', async () => {
    const region = uniqueRegion()
    const first = Heartbeat.claim({ region, name: 'a', maxAge: '1s', capacity: 1 })
    expect(refusal({ region, name: 'b' })).toBe('NO_FREE_SLOT')
    first.stop()
  })

  it('on a full tmpfs is refused, and leaves nothing', () => {
    const dir = mkdtempSync(join(tmpdir(), 'shm-liveness-full-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', dir])
    try {
      expect(refusal({ dir, region: 'r' })).toBe('NO_SPACE')
      expect(readdirSync(dir)).toEqual([])
    } finally {
      execFileSync('umount', [dir])
      rmSync(dir, { recursive: true })
    }
  })

  it('on a disk is refused, unless told otherwise; so is the probe', async () => {
    const dir = mkdtempSync(join(process.cwd(), 'build', 'disk-'))
    try {
      expect(refusal({ dir, region: 'r' })).toBe('REGION_NOT_TMPFS')
      const heartbeat = Heartbeat.claim({ dir, region: 'r', name: 'a', maxAge: '1m', allowDisk: true })
      heartbeat.beat()
      expect(await probe(['--dir', dir, '--region', 'r'])).toMatchObject({
        code: 3,
        stdout: expect.stringContaining('[REGION_NOT_TMPFS]'),
      })
      expect((await probe(['--dir', dir, '--region', 'r', '--allow-disk'])).code).toBe(0)
      heartbeat.stop()
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
