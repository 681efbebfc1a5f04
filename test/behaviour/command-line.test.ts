import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { probePath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

const dir = mkdtempSync(join(tmpdir(), 'shm-liveness-cli-'))
chmodSync(dir, 0o755)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('what cannot be meant', () => {
  const wrong: [string[], RegExp][] = [
    [['--nonsense'], /unknown argument "--nonsense"/],
    [['liveness'], /unknown argument "liveness"/],
    [['--max-age', '5'], /--max-age "5" is no duration/],
    [['--max-age', '0'], /--max-age "0" is no duration/],
    [['--confirm', '-1s'], /--confirm "-1s" is no duration/],
    [['--check', 'aliveness'], /--check "aliveness" is none of/],
    [['--min', '0'], /--min "0" is no number/],
    [['--min', '1x'], /--min "1x" is no number/],
    [['--region', 'a/b'], /--region "a\/b" is no list of names/],
    [['--region', ''], /--region needs a value/],
    [['--region', 'x'.repeat(300)], /--region "x+/],
    [['--region', 'a,b,c,d,e'], /more than 4 regions/],
    [['--expect', ','], /--expect "," is no list of names/],
    [['--region'], /--region needs a value/],
    [['--json=1'], /--json takes no value/],
    [['--min', '1', '--min', '2'], /--min is given twice/],
    [['--json', '--verbose'], /--verbose contradicts/],
    [['--self-test', '--version'], /only one of/],
    [['--cycle-window', '1s'], /--cycle-window is a question for --check readiness/],
    [['--check', 'startup', '--dead-grace', '1s'], /--dead-grace is a question for --check liveness/],
    [['--dir', 'x'.repeat(10_000)], /--dir/],
  ]
  it.each(wrong)('%j is a usage error, in one line on standard error', async (args, message) => {
    const answer = await probe(args)
    expect(answer).toMatchObject({ code: 2, stdout: '' })
    expect(answer.stderr).toMatch(message)
    expect(answer.stderr.trimEnd()).not.toContain('\n')
    expect(Buffer.byteLength(answer.stderr)).toBeLessThan(200)
  })

  it('in a variable is named as that', async () => {
    const { code, stderr } = await probe([], { env: { SHM_LIVENESS_DEAD_GRACE: 'soon' } })
    expect(code).toBe(2)
    expect(stderr).toContain('SHM_LIVENESS_DEAD_GRACE "soon" is no duration')
  })
})

describe('variables', () => {
  it('serve where no flag does; empty ones, and those of a Service of our name, are none', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    await worker.ask({ do: 'beat' })
    const env = {
      SHM_LIVENESS_REGION: region,
      SHM_LIVENESS_SERVICE_HOST: '10.0.0.1',
      SHM_LIVENESS_PORT: 'tcp://10.0.0.1',
    }
    expect((await probe([], { env: { ...env, SHM_LIVENESS_MIN: '' } })).code).toBe(0)
    expect((await probe([], { env: { ...env, SHM_LIVENESS_CHECK: 'readiness' } })).code).toBe(1)
    expect((await probe(['--check', 'startup'], { env: { ...env, SHM_LIVENESS_CHECK: 'readiness' } })).code).toBe(0)
    expect(JSON.parse((await probe([], { env: { ...env, SHM_LIVENESS_JSON: '1' } })).stdout)).toMatchObject({
      healthy: true,
    })
    expect((await probe(['--verbose'], { env: { ...env, SHM_LIVENESS_JSON: '1' } })).stdout).toMatch(/^healthy\n {2}/)
    expect((await probe(['--version'], { env: { SHM_LIVENESS_MIN: 'x' } })).code).toBe(0)
  })
})

describe('what is said', () => {
  it('is nothing when healthy, JSON on request, and at most 199 bytes else', async () => {
    const region = uniqueRegion()
    const name = 'n'.repeat(63)
    const worker = await WorkerProcess.claim({ region, name, maxAge: '1ms' })
    await worker.ask({ do: 'beat' })
    await worker.ask({ do: 'phase', name: 'ü'.repeat(31), budget: '1ms' })
    const { code, stdout } = await probe(['--region', region, '--confirm', '5ms'])
    expect(code).toBe(1)
    expect(Buffer.byteLength(stdout)).toBeLessThan(200)
    expect(Buffer.from(stdout).toString()).not.toContain('\ufffd')
    const json = JSON.parse((await probe(['--region', region, '--json', '--confirm', '0'])).stdout)
    expect(json).toMatchObject({
      verdict: 'stalled',
      healthy: false,
      exit: 1,
      check: 'liveness',
      workers: [{ name, beats: 1 }],
    })
  })

  it('goes to the termination log when liveness or startup fails, and never else', async () => {
    const region = uniqueRegion()
    const log = join(dir, 'termination-log')
    const flags = ['--region', region, '--startup-grace', '0', `--termination-log=${log}`]
    await probe([...flags, '--check', 'readiness'])
    expect(existsSync(log)).toBe(false)
    const { stdout } = await probe(flags)
    expect(readFileSync(log, 'utf8')).toBe(stdout.trimEnd())
    const unwritable = await probe(['--region', region, '--startup-grace', '0', '--termination-log=/nowhere/log'])
    expect(unwritable).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot write the termination log /nowhere/log'),
    })
  })

  it('names all flags and the version', async () => {
    const help = await probe(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const flag of ['region', 'check', 'expect', 'min', 'max-age', 'termination-log', 'install', 'self-test']) {
      expect(help.stdout).toContain(`--${flag}`)
    }
    expect((await probe(['--version'])).stdout).toMatch(/^shm-probe \d+\.\d+\.\d+ \(layout 1\)\n$/)
  })
})

describe('--self-test and --install', () => {
  it('pass here, as root and as nobody', async () => {
    expect(await probe(['--self-test'])).toMatchObject({ code: 0, stdout: expect.stringContaining('self-test passed') })
    expect((await probe(['--self-test'], { uid: 65534, gid: 65534 })).code).toBe(0)
    expect(await probe(['--self-test', '--dir', '/nowhere'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('could not claim a slot'),
    })
  })

  it('install an executable copy over whatever was there', async () => {
    const target = join(dir, 'installed')
    mkdirSync(target)
    for (let i = 0; i < 2; i++) {
      expect((await probe(['--install', target], { wrapper: ['sh', '-c', 'umask 077; exec "$@"', 'sh'] })).code).toBe(0)
      expect(statSync(join(target, 'shm-probe')).mode & 0o777).toBe(0o755)
    }
    expect(await probe(['--install', '/nowhere'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('cannot open /nowhere'),
    })
  })

  it('refuse a noexec mount, where no probe could ever run', async () => {
    const target = join(dir, 'noexec')
    mkdirSync(target)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tmpfs', target])
    try {
      expect(await probe(['--install', target])).toMatchObject({ code: 3, stderr: expect.stringContaining('noexec') })
    } finally {
      execFileSync('umount', [target])
    }
  })

  it('work in an empty image: nothing but the probe and /dev/shm', async () => {
    const root = join(dir, 'root')
    for (const folder of ['dev/shm', 'out']) mkdirSync(join(root, folder), { recursive: true })
    execFileSync('cp', [probePath(), join(root, 'shm-probe')])
    execFileSync('mount', ['--bind', '/dev/shm', join(root, 'dev/shm')])
    try {
      const region = uniqueRegion()
      const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
      await worker.ask({ do: 'beat' })
      const run = (...args: string[]) => execFileSync('chroot', [root, '/shm-probe', ...args], { encoding: 'utf8' })
      expect(run('--region', region)).toBe('')
      expect(run('--install', '/out')).toContain('self-test passed')
    } finally {
      execFileSync('umount', [join(root, 'dev/shm')])
    }
  })
})

describe('a healthy run', () => {
  it('makes at most 12 system calls, none of them under /proc', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '1h' })
    await worker.ask({ do: 'beat' })
    const trace = join(dir, 'trace')
    expect((await probe(['--region', region], { wrapper: ['strace', '-f', '-o', trace] })).code).toBe(0)
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => line.includes('('))
    expect(calls.length).toBeLessThanOrEqual(12)
    expect(calls.join()).not.toContain('/proc')
  })
})
