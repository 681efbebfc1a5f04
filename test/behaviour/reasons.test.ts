import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { poke } from '../support/poke.js'
import { probe, type RunResult } from '../support/probe.js'
import { pathOf } from '../support/region.js'
import { type Check, checks, Scene } from '../support/scene.js'
import { deadInPhase, fromTheFuture, frozenInPhase, late, unreadyInPhase } from '../support/situations.js'

/** Without what differs from one look to the next. */
const same = (line: string) => line.trimEnd().replace(/(\d+(\.\d+)?(ns|us|ms|m|s))+/g, 'DUR')

/** The shape of a line: DUR, PID, REGION, IDLE and DIAGNOSIS stand for what differs from run to run. */
function shape(line: string, { region }: Scene): RegExp {
  const escaped = line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const filled = escaped
    .replaceAll('DUR', '(\\d+(\\.\\d{1,3})?(ns|us|ms|m|s))+')
    .replaceAll('PID', '\\d+')
    .replaceAll(/REGION(?!_)/g, region)
    .replaceAll('IDLE', '\\w+ of fd \\d+ -> anon_inode:\\[eventpoll\\]( \\(\\w+\\))?')
    .replaceAll('DIAGNOSIS', '(, cpu throttled \\d+%)?')
  return new RegExp(`^${filled}\n$`)
}

const nameInRegion = ({ name, region }: { name: string; region: string }) => `${region}/${name}`

const stopped = 'pid PID T (stopped by a signal)DIAGNOSIS'
const sleeping = 'IDLE, pid PID S (sleeping)DIAGNOSIS'
const over = '--startup-grace 0'

const lines: [line: string, arrange: (scene: Scene) => Promise<unknown>, flags: string, check?: Check][] = [
  [`stalled: grabber last beat DUR ago (limit 20s) in phase "calibrate", ${stopped}`, frozenInPhase, ''],
  [`stalled: grabber last beat DUR ago (limit 1ms), ${sleeping}`, (s) => s.stalled('grabber'), ''],
  [`stalled: grabber last beat DUR ago (limit 1.5us), ${sleeping}`, (s) => s.beating('grabber'), '--max-age 1500ns'],
  [
    `stalled: grabber no beat since its claim DUR ago (startup grace 0ns), ${sleeping}`,
    (s) => s.claim('grabber'),
    over,
  ],
  ['starting: grabber no beat since its claim DUR ago', (s) => s.claim('grabber'), '', 'startup'],
  ['dead: grabber died without stop(), last beat DUR ago, pid PID', (s) => s.dead('grabber'), ''],
  ['dead: grabber died without stop(), last beat DUR ago in phase "calibrate", pid PID', deadInPhase, ''],
  [
    'dead: grabber died without stop(), last beat DUR ago, pid PID (+1 more)',
    async (s) => {
      await s.dead('grabber')
      await s.dead('encoder')
    },
    '',
  ],
  ['not-ready: grabber has not said ready (draining) in phase "calibrate"', unreadyInPhase, '', 'readiness'],
  [
    'late: grabber last exceeded its cycle limit DUR ago (limit 150ms), 1 times, worst cycle DUR',
    late,
    '--cycle-window 1m',
    'readiness',
  ],
  ['missing: no region REGION', async () => {}, over],
  ['missing: no worker in region REGION (1 left over from before)', (s) => s.leftOver('grabber'), over],
  ['missing: encoder has no slot, but is expected', (s) => s.beating('grabber'), `--expect encoder ${over}`],
  ['missing: 1 of at least 2 workers running', (s) => s.beating('grabber'), `--min 2 ${over}`],
  ['stopped: every worker of region REGION stopped on purpose', (s) => s.stopped('grabber'), ''],
  [
    'stopped: grabber stopped on purpose, but is expected',
    async (s) => {
      await s.stopped('grabber')
      await s.beating('encoder')
    },
    '--expect grabber',
  ],
  ['unusable: grabber: last beat is in the future [CLOCK_FUTURE]', fromTheFuture, ''],
  [
    'unusable: region REGION has a wrong size (empty, cut short, or no region) [REGION_SIZE]',
    async (s) => writeFileSync(pathOf(s.region), '', { mode: 0o600 }),
    '',
  ],
]

describe('the line', () => {
  it.each(lines)(
    'and what --json and --verbose say beside it: %s',
    async (line, arrange, flags, check = 'liveness') => {
      const scene = new Scene()
      await arrange(scene)
      const answers = await scene.probeAll([flags, `${flags} --json`, `${flags} --verbose`], check)
      const [plain, json, verbose] = answers as [RunResult, RunResult, RunResult]
      expect(plain.stdout).toMatch(shape(line, scene))
      const exit = line.startsWith('unusable') ? 3 : 1
      expect(answers.map(({ code, stderr }) => [code, stderr])).toEqual(answers.map(() => [exit, '']))
      const said = JSON.parse(json.stdout)
      expect(said).toMatchObject({ healthy: false, exit, check, verdict: line.split(':')[0] })
      expect(same(said.line)).toBe(same(plain.stdout))
      expect(said.code).toBe(/\[([A-Z_]+)\]/.exec(line)?.[1])
      const [first = '', ...below] = verbose.stdout.trimEnd().split('\n')
      const workers = below.filter((text) => /^ {2}\S/.test(text)) // not the places of those that stall
      expect(same(first)).toBe(same(plain.stdout))
      expect(workers.map((text) => text.split(' ')[2])).toEqual(said.workers.map(nameInRegion))
    },
  )

  it.each(checks)('is not there when %s is healthy', async (check) => {
    const scene = new Scene()
    await scene.beating('grabber')
    expect(await scene.probe('', check)).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  it('stays whole and under 200 bytes with the longest names, and cuts no character', async () => {
    const scene = new Scene()
    const worker = await scene.beating('n'.repeat(63))
    for (const phase of ['p'.repeat(63), `${'p'.repeat(61)}ü`, 'ü'.repeat(31), '𝄞'.repeat(15)]) {
      await worker.ask({ do: 'notReady', status: phase.slice(0, 27) })
      await worker.ask({ do: 'phase', name: phase, budget: '1ms' })
      for (const check of checks) {
        const { stdout } = await scene.probe('--confirm 0', check)
        expect(Buffer.byteLength(stdout)).toBeLessThan(200)
        expect(stdout).toMatch(/^stalled: n{63} last beat [^\n\ufffd]*\n$/u)
        expect(stdout).toContain(` in phase "${phase}"`)
      }
    }
  })

  const hostile: [string, Buffer][] = [
    ['control bytes', Buffer.from('a\nb\rc\x1b[31md\x07\x7fe')],
    ['C1 controls in UTF-8', Buffer.from('a\u0085b\u009bc')],
    ['invalid UTF-8', Buffer.from([0x61, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf5, 0x80, 0x80, 0x80, 0xe2, 0x82])],
    ['no end', Buffer.alloc(64, 0xc3)],
    ['quotes and backslashes', Buffer.from('"\\",\\u0000":{}')],
  ]
  it.each(hostile)('is one line of printable UTF-8, and so is JSON, whatever is in the texts: %s', async (_, bytes) => {
    const scene = new Scene()
    const worker = await scene.beating('grabber')
    await worker.ask({ do: 'phase', name: 'p', budget: '1ms' })
    const padded = Buffer.concat([bytes, Buffer.alloc(64)])
    poke(scene.region, 'Identity', 'name', padded.subarray(0, 64))
    poke(scene.region, 'Labels', 'phase', padded.subarray(0, 64))
    poke(scene.region, 'Labels', 'status', padded.subarray(0, 56))
    const forms = ['--confirm 5ms', '--confirm 5ms --verbose', '--confirm 5ms --json']
    for (const [i, { code, stdout }] of (await scene.probeAll(forms)).entries()) {
      expect(code).toBe(1)
      expect(stdout.replace(/\n( {2}[^\n]*\n)*$/, '')).not.toMatch(/[\p{Cc}\ufffd]/u)
      if (i === 2) expect(JSON.parse(stdout).workers[0]).toHaveProperty('phase')
      else expect(Buffer.byteLength(stdout.split('\n')[0] as string)).toBeLessThan(200)
    }
  })
})

describe('--json and --verbose', () => {
  it('tell of every worker, healthy or not', async () => {
    const scene = new Scene()
    const worker = await scene.beating('grabber', { cycleLimit: '1s' })
    await worker.ask({ do: 'phase', name: 'calibrate', budget: '1m' })
    await scene.claim('encoder')
    await scene.stopped('old')
    const json = await scene.probe('--json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      verdict: 'starting',
      healthy: true,
      exit: 0,
      regions: [{ name: scene.region, code: 'OK' }],
      workers: [
        {
          name: 'grabber',
          condition: 'running',
          ready: true,
          beats: 2,
          phase: 'calibrate',
          limitNs: 60e9,
          pid: worker.pid,
        },
        { name: 'encoder', condition: 'starting', ready: false, beats: 0, slot: 1, claims: 1 },
        { name: 'old', condition: 'stopped' },
      ],
    })
    const verbose = await scene.probe('--verbose')
    expect(verbose.stdout).toMatch(
      /^starting: encoder no beat [^\n]*\n {2}\S+\/grabber running, ready in phase "calibrate", .*\n {2}\S+\/encoder starting, not ready, .*\n {2}\S+\/old stopped, .*\n$/,
    )
    await worker.ask({ do: 'stop' })
    const all = new Scene()
    await all.beating('grabber')
    expect(JSON.parse((await all.probe('--json')).stdout)).toMatchObject({
      verdict: 'healthy',
      line: 'healthy',
      exit: 0,
    })
    expect((await all.probe('--verbose')).stdout).toMatch(/^healthy\n {2}\S+\/grabber running, ready, [^\n]*\n$/)
  })
})

describe('the termination log', () => {
  const dir = mkdtempSync(join(tmpdir(), 'shm-liveness-log-'))
  const log = join(dir, 'log')
  beforeEach(() => writeFileSync(log, `${'older text '.repeat(40)}\n`))
  afterAll(() => rmSync(dir, { recursive: true }))
  const text = (path = log) => readFileSync(path, 'utf8')

  it.each(['liveness', 'startup'] as const)('holds the line of a failed %s in place of older text', async (check) => {
    const scene = new Scene()
    await scene.dead('grabber')
    for (const flags of [`--termination-log=${log}`, `--json --termination-log=${log}`]) {
      expect((await scene.probe(flags, check)).code).toBe(1)
      expect(text()).toMatch(/^dead: grabber died without stop\(\), last beat \S+ ago, pid \d+$/)
    }
  })

  it('is left alone by readiness, by all that pass, and by usage errors', async () => {
    const [dead, starting, healthy] = [new Scene(), new Scene(), new Scene()]
    await Promise.all([dead.dead('grabber'), starting.claim('grabber'), healthy.beating('grabber')])
    const flag = `--termination-log=${log}`
    expect((await dead.probe(flag, 'readiness')).code).toBe(1)
    expect((await starting.probe(`${flag} --verbose`)).code).toBe(0)
    for (const check of checks) expect((await healthy.probe(flag, check)).code).toBe(0)
    expect((await dead.probe(`${flag} --min none`)).code).toBe(2)
    expect(text()).toMatch(/^older text/)
  })

  it('also holds why a region is unusable', async () => {
    const scene = new Scene()
    writeFileSync(pathOf(scene.region), 'no region', { mode: 0o600 })
    expect((await scene.probe(`--termination-log=${log}`)).code).toBe(3)
    expect(text()).toMatch(/^unusable: region \S+ has a wrong size .* \[REGION_SIZE\]$/)
  })

  it('is made where there is none', async () => {
    const made = join(dir, 'made')
    await new Scene().probe(`--startup-grace 0 --termination-log=${made}`)
    expect(text(made)).toMatch(/^missing: no region \S+$/)
  })

  it('is /dev/termination-log by default: a flag without a value, or a variable of 1', async () => {
    const scene = new Scene()
    const dev = mkdtempSync(join(dir, 'dev-'))
    const args = ['--region', scene.region, '--startup-grace', '0']
    const inDev = ['unshare', '--mount', 'sh', '-c', `mount --bind ${dev} /dev && exec "$@"`, 'sh']
    const written = join(dev, 'termination-log')
    for (const [flags, env] of [
      [['--termination-log'], {}],
      [[], { SHM_LIVENESS_TERMINATION_LOG: '1' }],
    ] as const) {
      writeFileSync(written, 'older text')
      await probe([...args, ...flags], { wrapper: inDev, env })
      expect(text(written)).toBe(`missing: no region ${scene.region}`)
    }
    writeFileSync(written, 'older text')
    for (const off of ['', '0', 'false']) {
      await probe(args, { wrapper: inDev, env: { SHM_LIVENESS_TERMINATION_LOG: off } })
    }
    expect(text(written)).toBe('older text')
  })

  it.each(['/nowhere/log', '/proc/version', dir])(
    'that cannot be written is said, and changes nothing: %s',
    async (path) => {
      const scene = new Scene()
      const answer = await scene.probe(`--startup-grace 0 --termination-log=${path}`)
      expect(answer).toMatchObject({ code: 1, stdout: `missing: no region ${scene.region}\n` })
      expect(answer.stderr).toMatch(/^shm-probe: cannot write the termination log \S+, errno \d+\n$/)
    },
  )
})
