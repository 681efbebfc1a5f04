import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { mounted } from '../support/mounted.js'
import { mulberry32, mutated } from '../support/mutated.js'
import { poke } from '../support/poke.js'
import { probe, probeAll, untilProbeReads } from '../support/probe.js'
import { Program } from '../support/program.js'
import { refusal } from '../support/refusal.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { Scene } from '../support/scene.js'
import { WorkerProcess } from '../support/worker-process.js'

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
  it.each(things)('may be %s: exit 3 and its code', async (_, make, code) => {
    const region = uniqueRegion()
    make(pathOf(region))
    const answer = await probe(['--region', region])
    expect(answer).toMatchObject({ code: 3, stdout: expect.stringContaining(`[${code}]`) })
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

  it('may be shared with a group, to read or to claim, and with nobody else', async () => {
    const asUser = (group: number) => ['setpriv', '--reuid=65534', `--regid=${group}`, '--clear-groups']
    const answersFor = async (share: 'private' | 'group-read' | 'group-claim') => {
      const scene = new Scene()
      const [other] = await Promise.all([
        WorkerProcess.start({ wrapper: asUser(4242) }),
        scene.beating('a', { share }).then(() => chownSync(pathOf(scene.region), 0, 4242)),
      ])
      const asked = async (group: number) => {
        const { code, stdout } = await probe(['--region', scene.region], { wrapper: asUser(group) })
        return code === 0 ? 'read' : /\[(\w+)\]/.exec(stdout)?.[1]
      }
      const claim = { region: scene.region, name: 'b', maxAge: '1h' } as const
      const claimed = await other.ask({ do: 'claim', options: claim }).catch((error) => error.code)
      return { group: await asked(4242), another: await asked(4343), claim: claimed }
    }
    const shares = await Promise.all([answersFor('private'), answersFor('group-read'), answersFor('group-claim')])
    expect(shares).toEqual([
      { group: 'REGION_ACCESS', another: 'REGION_ACCESS', claim: 'REGION_ACCESS' },
      { group: 'read', another: 'REGION_ACCESS', claim: 'REGION_ACCESS' },
      { group: 'read', another: 'REGION_ACCESS', claim: undefined },
    ])
  })

  it('may be writable for everybody, though a worker lives in it: believed by nobody', async () => {
    const scene = new Scene()
    await scene.beating('a')
    chmodSync(pathOf(scene.region), 0o602)
    expect(await scene.probe('')).toMatchObject({ code: 3, stdout: expect.stringContaining('[REGION_MODE]') })
    expect(refusal({ region: scene.region, name: 'b' })).toBe('REGION_MODE')
  })

  it('may be cut short or too long: exit 3', async () => {
    const region = uniqueRegion()
    const { length } = await remains(region)
    // From the longest to the shortest, so that what is left of the bytes is right.
    const sizes = [1e9, length + 1, length - 1, length / 2, 4096, 768, 767, 256, 255, 1, 0]
    const answers = await probeAll(
      sizes.map((size) => ({ args: ['--region', region], before: `/usr/bin/truncate -s ${size} ${pathOf(region)}` })),
    )
    for (const [i, { code, stdout }] of answers.entries()) {
      expect([sizes[i], code, stdout]).toEqual([sizes[i], 3, expect.stringContaining('[REGION_SIZE]')])
    }
  })

  it('may be cut short while it is being read: exit 3', async () => {
    const scene = new Scene()
    const worker = await scene.stalled('a')
    const reading = probe(['--region', scene.region, '--confirm', '1h'])
    await untilProbeReads(scene.region)
    truncateSync(pathOf(scene.region), 0)
    expect(await reading).toMatchObject({ code: 3, stdout: expect.stringContaining('REGION_TRUNCATED') })
    expect(await worker.ask({ do: 'beat', times: 2 })).toBe(true) // the first one finds out, and claims it anew
  })

  it('may be cut short under a worker that beats: it goes on, and knows', async () => {
    for (const size of [0, 4095]) {
      const region = uniqueRegion()
      const worker = Program.fixture('beats-flat-out', [region])
      await worker.said('beating')
      truncateSync(pathOf(region), size)
      expect(await worker.said('lost,')).toBe('claimed: true, again: true')
      expect(await worker.ended).toEqual({ code: 0, signal: null })
    }
  })

  it('may be of another layout: refused while anybody holds it, replaced then', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    const bytes = readFileSync(pathOf(region))
    bytes.writeUInt32LE(99, 8)
    writeFileSync(pathOf(region), bytes, { flag: 'r+' })
    expect((await probe(['--region', region])).stdout).toContain('[REGION_VERSION]')
    expect(refusal({ region, name: 'b' })).toBe('REGION_IN_USE')
    await worker.kill()
    expect(refusal({ region, name: 'b' })).toBeUndefined()
  })

  const foreign: [field: string, value: number | bigint, code: string][] = [
    ['magic', 0n, 'REGION_MAGIC'],
    ['version', 0, 'REGION_VERSION'],
    ['version', 1, 'REGION_VERSION'],
    ['version', 99, 'REGION_VERSION'],
    ['signature', 1n, 'REGION_LAYOUT'],
    ['header_bytes', 512, 'REGION_LAYOUT'],
    ['slot_bytes', 512, 'REGION_LAYOUT'],
    ['slot_count', 0, 'REGION_LAYOUT'],
    ['slot_count', 0xffffffff, 'REGION_LAYOUT'],
    ['region_bytes', 4096n, 'REGION_LAYOUT'],
  ]
  it.each(foreign)('may have a header whose %s is %s', async (field, value, code) => {
    const scene = new Scene()
    await scene.beating('a')
    poke(scene.region, 'Header', field, value)
    expect(await scene.probe('')).toMatchObject({ code: 3, stdout: expect.stringContaining(`[${code}]`) })
    expect(refusal({ region: scene.region, name: 'b' })).toBe('REGION_IN_USE')
  })

  it('never makes the probe crash, hang or say healthy, whatever its bytes (300 mutations)', async () => {
    const region = uniqueRegion()
    const good = await remains(region)
    const random = mulberry32(20_261_124)
    const runs = Array.from({ length: 300 }, (_, i) => {
      const bytes = mutated(good, random, 1 + (i % 8))
      writeFileSync(pathOf(region), i % 10 === 9 ? bytes.subarray(0, random() * bytes.length) : bytes)
      const copy = uniqueRegion()
      renameSync(pathOf(region), pathOf(copy))
      const flags = ['--confirm', '0', '--startup-grace', '0', ...(i % 3 === 0 ? ['--json'] : [])]
      return { args: ['--region', copy, ...flags] }
    })
    for (const [i, { code, stdout }] of (await probeAll(runs)).entries()) {
      expect([i, [1, 3].includes(code)]).toEqual([i, true])
      if (i % 3 === 0) expect(JSON.parse(stdout)).toMatchObject({ healthy: false, exit: code })
    }
  })

  it('never makes the probe crash or hang, though a worker lives in it (100 mutations)', async () => {
    const scene = new Scene()
    await scene.beating('a')
    const good = readFileSync(pathOf(scene.region))
    const random = mulberry32(20_261_125)
    const runs = Array.from({ length: 100 }, (_, i) => {
      const bytes = uniqueRegion()
      writeFileSync(pathOf(bytes), mutated(good, random, 1 + (i % 8)))
      // Writes into the file that the worker has mapped, without cutting it short first.
      const before = `/bin/cat ${pathOf(bytes)} 1<>${pathOf(scene.region)}`
      return { args: ['--region', scene.region, '--confirm', '0'], before }
    })
    for (const [i, { code }] of (await probeAll(runs)).entries()) {
      expect([i, [0, 1, 3].includes(code)]).toEqual([i, true])
    }
  })

  it('may promise no restart beyond what a supervisor can: such a budget excuses nobody', async () => {
    const region = uniqueRegion()
    await remains(region)
    Region.open(region).markRestart('a', { budget: '1h' })
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    poke(region, 'RestartMark', 'budget_ns', 1n << 62n) // 146 years; markRestart takes one at most
    expect((await probe(['--region', region])).code).not.toBe(0)
  })
})

describe('a beat', () => {
  it('far in the future is a fault, and slightly in the future is now', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    await worker.ask({ do: 'beat' })
    poke(region, 'Hot', 'last_beat_ns', process.hrtime.bigint() + 3_600_000_000_000n)
    expect(await probe(['--region', region])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('[CLOCK_FUTURE]'),
    })
    poke(region, 'Hot', 'last_beat_ns', process.hrtime.bigint() + 50_000_000n)
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

  it('of such a name cannot be asked for: exit 2', async () => {
    const names = ['', '.', '..', 'a/b', '../a', 'x'.repeat(300), 'grün', 'a b']
    const runs = names.flatMap((name) => [{ args: ['--region', name] }, { args: ['--expect', name] }])
    for (const [i, answer] of (await probeAll(runs)).entries()) {
      expect({ ...runs[i], ...answer }).toMatchObject({ ...runs[i], code: 2, stdout: '' })
    }
  })

  it('of a living name is refused; of many at once exactly one succeeds (10 rounds, new and old regions)', async () => {
    const workers = await Promise.all(Array.from({ length: 4 }, () => WorkerProcess.start()))
    const [fresh, old] = [uniqueRegion(), uniqueRegion()]
    for (let round = 0; round < 10; round++) {
      const options = { region: round % 2 === 0 ? fresh : old, name: `name-${round % 4}`, maxAge: '1s' }
      const answers = await Promise.all(
        workers.map((worker) => worker.ask({ do: 'claim', options }).catch((error) => error.code)),
      )
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1)
      expect(answers.filter((answer) => answer === 'NAME_TAKEN')).toHaveLength(3)
      expect(refusal({ region: options.region, name: options.name })).toBe('NAME_TAKEN')
      await workers[answers.indexOf(undefined)]?.ask({ do: 'stop' })
      if (round % 2 === 0) rmSync(pathOf(fresh))
    }
  })

  it('in a full region is refused', async () => {
    const region = uniqueRegion()
    const first = Heartbeat.claim({ region, name: 'a', maxAge: '1s', capacity: 1 })
    expect(refusal({ region, name: 'b' })).toBe('NO_FREE_SLOT')
    first.stop()
  })

  it('on a full tmpfs is refused, and leaves nothing', async () => {
    await mounted(['-o', 'size=16k'], (dir) => {
      for (const options of [{}, { capacity: 4096 }]) expect(refusal({ dir, region: 'r', ...options })).toBe('NO_SPACE')
      expect(readdirSync(dir)).toEqual([])
      expect(refusal({ dir, region: 'r', capacity: 1 })).toBeUndefined()
    })
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
