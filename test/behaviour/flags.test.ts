import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Heartbeat, probePath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { ask, type Env, regionsForFlags, variableOf } from '../support/ask.js'
import { mounted } from '../support/mounted.js'
import { poke } from '../support/poke.js'
import { type ProbeResult, probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

const { dir, disk } = regionsForFlags()

/** A flag, what else is given, and two values: the first changes the exit code from `without` to `with`. */
const values: [flag: string, value: string, other: string, given: string[], without: number, changed: number][] = [
  ['region', 'silent', 'default', ['--startup-grace', '0'], 0, 1],
  ['check', 'readiness', 'liveness', [], 0, 1],
  ['expect', 'b', 'a', ['--startup-grace', '0'], 0, 1],
  ['min', '2', '1', ['--startup-grace', '0'], 0, 1],
  ['max-age', '1ns', '1h', ['--confirm', '0'], 0, 1],
  ['startup-grace', '0', '60s', ['--region', 'silent'], 0, 1],
  ['dead-grace', '1h', '0', ['--region', 'dead'], 1, 0],
  ['cycle-window', '1h', '0', ['--region', 'late', '--check', 'readiness'], 0, 1],
  ['dir', '/nowhere', dir, ['--startup-grace', '0'], 0, 1],
]

describe.each(values)('--%s', (flag, value, other, given, without, changed) => {
  const code = async (args: string[], env: Env = {}) => (await ask([...given, ...args], env)).code
  it('is what changes the answer, with a space or an equals sign', async () => {
    expect(await code([])).toBe(without)
    expect(await code([`--${flag}`, value])).toBe(changed)
    expect(await code([`--${flag}=${value}`])).toBe(changed)
    expect(await code([`--${flag}`, other])).toBe(without)
  })
  it('is a variable too, which it beats; an empty one is unset', async () => {
    expect(await code([], { [variableOf(flag)]: value })).toBe(changed)
    expect(await code([`--${flag}`, other], { [variableOf(flag)]: value })).toBe(without)
    expect(await code([`--${flag}`, value], { [variableOf(flag)]: other })).toBe(changed)
    if (flag !== 'dir') expect(await code([], { [variableOf(flag)]: '' })).toBe(without)
  })
  it('needs a value, once', async () => {
    for (const args of [[`--${flag}`], [`--${flag}`, ''], [`--${flag}=`]]) {
      const answer = await ask([...given.filter((word) => word !== `--${flag}`), ...args])
      expect(answer).toMatchObject({ code: 2, stdout: '', stderr: `shm-probe: --${flag} needs a value\n` })
    }
    if (flag === 'region') return // may be repeated
    const twice = await ask([`--${flag}`, value, `--${flag}=${value}`])
    expect(twice).toMatchObject({ code: 2, stdout: '', stderr: `shm-probe: --${flag} is given twice\n` })
  })
})

describe('--confirm', () => {
  it('is how long a stalled worker is waited for; max age within 50 and 300 ms by default', async () => {
    const stalled = async (args: string[], env: Env = {}) => {
      const answer = await ask(['--region', 'old', ...args], env)
      expect(answer.stdout).toMatch(/^stalled: /)
      return answer.ms
    }
    expect(await stalled(['--confirm', '0'], { SHM_LIVENESS_CONFIRM: '1s' })).toBeLessThan(300)
    expect(await stalled(['--confirm', '400ms'])).toBeGreaterThanOrEqual(400)
    expect(await stalled([], { SHM_LIVENESS_CONFIRM: '400ms' })).toBeGreaterThanOrEqual(400)
    expect(await stalled([])).toBeGreaterThanOrEqual(50)
    expect(await stalled([], { SHM_LIVENESS_CONFIRM: '' })).toBeLessThan(300)
  })
})

describe('switches', () => {
  const on = async (flag: string, seen: (answer: ProbeResult) => boolean, given: string[] = []) => {
    const tries: [string[], Env][] = [
      [[`--${flag}`], {}],
      [[], { [variableOf(flag)]: '1' }],
      [[], { [variableOf(flag)]: 'true' }],
      [[`--${flag}`], { [variableOf(flag)]: '0' }],
    ]
    for (const [args, env] of tries) expect(seen(await ask([...given, ...args], env))).toBe(true)
    for (const off of ['0', 'false', '']) {
      expect(seen(await ask(given, { [variableOf(flag)]: off }))).toBe(false)
    }
    expect(await ask([], { [variableOf(flag)]: 'yes' })).toMatchObject({
      code: 2,
      stderr: `shm-probe: ${variableOf(flag)} "yes" is neither 1 nor 0\n`,
    })
    expect(await ask([`--${flag}=1`])).toMatchObject({ code: 2, stderr: `shm-probe: --${flag} takes no value\n` })
    expect(await ask([`--${flag}`, `--${flag}`])).toMatchObject({
      code: 2,
      stderr: `shm-probe: --${flag} is given twice\n`,
    })
  }
  it('are --json', () => on('json', ({ stdout }) => stdout.startsWith('{"verdict":"healthy"')))
  it('are --verbose', () => on('verbose', ({ stdout }) => stdout.startsWith('healthy\n  default/a running')))
  it('are --allow-disk', () => on('allow-disk', ({ code }) => code === 0, ['--dir', disk]))

  it('of output: a flag beats a variable of the other', async () => {
    expect((await ask(['--verbose'], { SHM_LIVENESS_JSON: '1' })).stdout).toMatch(/^healthy\n/)
    expect((await ask(['--json'], { SHM_LIVENESS_VERBOSE: '1' })).stdout).toMatch(/^\{/)
    expect(await ask([], { SHM_LIVENESS_JSON: '1', SHM_LIVENESS_VERBOSE: '1' })).toMatchObject({ code: 2 })
  })
})

describe('--termination-log', () => {
  it('is a variable too, which it beats', async () => {
    const log = join(dir, 'log')
    const failing = ['--region', 'old', '--confirm', '0']
    await ask(failing, { SHM_LIVENESS_TERMINATION_LOG: log })
    expect(readFileSync(log, 'utf8')).toMatch(/^stalled: /)
    await ask([...failing, `--termination-log=${log}2`], { SHM_LIVENESS_TERMINATION_LOG: `${log}3` })
    expect(readFileSync(`${log}2`, 'utf8')).toMatch(/^stalled: /)
    expect(() => readFileSync(`${log}3`)).toThrow('ENOENT')
  })
})

describe('durations', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/durations.json', import.meta.url), 'utf8')) as {
    valid: [string, number][]
    invalid: string[]
    said: [number, string][]
  }
  const flags = ['max-age', 'startup-grace', 'dead-grace', 'confirm']

  it('of the vectors are taken, with a flag and as a variable', async () => {
    for (const [text, ns] of vectors.valid) {
      for (const flag of flags) {
        const expected = flag === 'max-age' && ns === 0 ? 2 : 0
        const given = flag === 'max-age' ? ['--confirm', '0', '--region', 'silent'] : []
        expect([text, (await ask([...given, `--${flag}`, text])).code]).toEqual([text, expected])
        expect([text, (await ask(given, { [variableOf(flag)]: text })).code]).toEqual([text, expected])
      }
    }
  })

  it('that are none are refused, with what they are', async () => {
    for (const text of vectors.invalid.filter((text) => text !== '')) {
      for (const flag of flags) {
        for (const { code, stdout, stderr } of [
          await ask([`--${flag}`, text]),
          await ask([], { [variableOf(flag)]: text }),
        ]) {
          expect({ text, code, stdout }).toEqual({ text, code: 2, stdout: '' })
          expect(stderr).toMatch(/^shm-probe: \S+ "[^\n]*" is no duration \(say 250ms, 1\.5s or 1m30s\)\n$/)
        }
      }
    }
  })

  it('are said as the vectors have it', async () => {
    const region = uniqueRegion()
    const heartbeat = Heartbeat.claim({ region, name: 'a', maxAge: '1h' })
    heartbeat.beat()
    poke(region, 'Hot', 'last_beat_ns', 1n) // as old as this machine
    poke(region, 'Hot', 'renewed_ns', 1n)
    const younger = vectors.said.filter(([ns]) => ns > 0 && BigInt(ns) < process.hrtime.bigint())
    for (const [ns, text] of younger) {
      const { stdout } = await probe(['--region', region, '--confirm', '0', '--max-age', `${ns}ns`])
      expect(stdout).toContain(`(limit ${text})`)
    }
    heartbeat.stop()
  })
})

describe('what cannot be meant', () => {
  const names = 'is no list of names: a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with no dot'
  const wrong: [string[], string][] = [
    [['--nonsense'], 'unknown argument "--nonsense"; see --help'],
    [['--regio', 'a'], 'unknown argument "--regio"; see --help'],
    [['-h'], 'unknown argument "-h"; see --help'],
    [['liveness'], 'unknown argument "liveness"; see --help'],
    [[''], 'unknown argument ""; see --help'],
    [['a\nb\x1b'], 'unknown argument "a?b?"; see --help'],
    [['--max-age', '0'], '--max-age "0" is no duration (say 250ms, 1.5s or 1m30s)'],
    [['--check', 'Liveness'], '--check "Liveness" is none of liveness, readiness, startup'],
    ...['0', '-1', '1x', '4097', '99999999999999999999'].map((min): [string[], string] => [
      ['--min', min],
      `--min "${min}" is no number from 1 to 4096`,
    ]),
    [['--region', 'a/b'], `--region "a/b" ${names}`],
    [['--expect', '..'], `--expect ".." ${names}`],
    [['--expect', ','], `--expect "," ${names}`],
    [['--region', 'a,b', '--region', 'c,d,e'], '--region names more than 4 regions'],
    [['--json', '--verbose'], '--verbose contradicts --json or --verbose: one of them'],
    [['--verbose', '--json'], '--json contradicts --json or --verbose: one of them'],
    [['--cycle-window', '1s'], '--cycle-window is a question for --check readiness'],
    [['--cycle-window', '1s', '--check', 'startup'], '--cycle-window is a question for --check readiness'],
    [['--dead-grace', '1s', '--check', 'readiness'], '--dead-grace is a question for --check liveness'],
    [['--dir', `/${'x'.repeat(255)}`], '--dir is longer than 255 bytes'],
    [['--self-test', '--install', '/tmp'], 'only one of --self-test, --install, --version and --help at a time'],
    [['--version', '--help'], 'only one of --self-test, --install, --version and --help at a time'],
    [['--install'], '--install needs a value'],
  ]
  it.each(wrong)('%j is said on standard error: exit 2', async (args, message) => {
    expect(await ask(args)).toMatchObject({ code: 2, stdout: '', stderr: `shm-probe: ${message}\n` })
  })

  it.each([['--region'], ['--expect'], ['--dir'], ['--check'], ['--unknown=']])(
    '%s, however long, makes one line under 200 bytes',
    async (flag) => {
      const { code, stderr } = await ask(flag === '--unknown=' ? [flag + 'x'.repeat(9999)] : [flag, 'x'.repeat(9999)])
      expect([code, Buffer.byteLength(stderr) < 200, /^[^\n]+\n$/.test(stderr)]).toEqual([2, true, true])
    },
  )

  it('may be in a variable, which is named; those that serve another check are no contradiction', async () => {
    expect((await ask([], { SHM_LIVENESS_MIN: '0' })).stderr).toBe(
      'shm-probe: SHM_LIVENESS_MIN "0" is no number from 1 to 4096\n',
    )
    expect((await ask([], { SHM_LIVENESS_CYCLE_WINDOW: '1s', SHM_LIVENESS_UNKNOWN: 'x' })).code).toBe(0)
    expect((await ask(['--version'], { SHM_LIVENESS_MIN: '0' })).code).toBe(0)
  })
})

describe('--help and --version', () => {
  it('list all flags, and name the release', async () => {
    const help = await ask(['--help'])
    const flags = [...help.stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag)
    const switches = ['confirm', 'termination-log', 'json', 'verbose', 'allow-disk']
    const modes = ['self-test', 'install', 'version', 'help']
    expect(flags.sort()).toEqual([...values.map(([flag]) => flag), ...switches, ...modes].sort())
    expect(help).toMatchObject({ code: 0, stderr: '' })
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await ask(['--version'])).toMatchObject({ code: 0, stdout: `shm-probe ${version} (layout 1)\n` })
  })
})

const nobody = { uid: 65534, gid: 65534 }
describe('--self-test', () => {
  it('passes, as root and as another user, and leaves nothing', async () => {
    for (const user of [{}, nobody]) {
      expect(await probe(['--self-test'], user)).toMatchObject({ code: 0, stdout: expect.stringMatching(/passed\n$/) })
    }
    expect(readdirSync('/dev/shm').filter((entry) => entry.includes('self-test'))).toEqual([])
  })

  it('fails with the reason where no region can be: no directory, not ours, read-only, full, a disk', async () => {
    const fails = async (where: string, code: string, user = {}) => {
      const answer = await probe(['--self-test', '--dir', where], user)
      expect(answer).toMatchObject({ code: 3, stdout: '' })
      const reason = `shm-probe: self-test: could not claim a slot in shared memory: \\[(${code})\\], errno \\d+ in /`
      expect(answer.stderr).toMatch(new RegExp(`^${reason}`))
    }
    await fails('/nowhere', 'REGION_MISSING')
    await fails(dir, 'REGION_ACCESS', nobody)
    await fails(disk, 'REGION_NOT_TMPFS')
    await mounted(['-o', 'ro'], (where) => fails(where, 'REGION_ACCESS|SYSTEM'))
    await mounted(['-o', 'size=4k'], async (where) => {
      writeFileSync(join(where, 'full'), 'x')
      await fails(where, 'NO_SPACE')
    })
  })
})

describe('--install', () => {
  const install = (into: string, options = {}) => probe(['--install', into], options)

  it('copies an executable of mode 0755, whatever the umask, over running copies, and whole at any moment', async () => {
    const into = mkdtempSync(join(disk, 'into-'))
    const strict = ['sh', '-c', 'umask 077; exec "$@"', 'sh']
    const done = await install(into, { wrapper: strict })
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('passed') })
    const copy = join(into, 'shm-probe')
    expect(statSync(copy).mode & 0o7777).toBe(0o755)
    const run = promisify(execFile)
    const running = run(copy, ['--dir', dir, '--region', 'old', '--confirm', '1s']).catch((error) => error)
    const slowly = ['strace', '-f', '-o', '/dev/null', '-e', 'inject=write:delay_enter=200000']
    const installing = install(into, { wrapper: slowly })
    for (let i = 0; i < 50; i++) await run(copy, ['--version']) // rejects, were it not there or not whole
    expect(await installing).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(into).sort()).toEqual(['shm-guard', 'shm-probe'])
    expect(readFileSync(copy).equals(readFileSync(probePath()))).toBe(true)
    expect((await running).code).toBe(1)
  })

  it('fails with the reason where it cannot', async () => {
    const fails = async (into: string, message: string, options = {}) =>
      expect(await install(into, options)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: `shm-probe: --install: ${message}\n`,
      })
    chmodSync(disk, 0o755)
    await fails('/nowhere', 'cannot open /nowhere, errno 2')
    await fails(disk, `cannot copy into ${disk}, errno 13`, nobody)
    await mounted(['-o', 'ro'], (into) => fails(into, `cannot copy into ${into}, errno 30`))
    await mounted(['-o', 'size=8k'], (into) => fails(into, `cannot copy into ${into}, errno 28`))
    await mounted(['-o', 'noexec'], (into) => fails(into, `the copy may not be executed (a noexec mount?) in ${into}`))
  })

  it('works in a scratch image, with nothing but the probe; and so does the probe', async () => {
    const root = mkdtempSync(join(disk, 'root-'))
    for (const made of ['dev/shm', 'out']) mkdirSync(join(root, made), { recursive: true })
    execFileSync('cp', [probePath(), join(root, 'shm-probe')])
    const inside = `mount --bind /dev/shm ${root}/dev/shm && exec chroot ${root} /shm-probe`
    const run = (args: string) =>
      execFileSync('unshare', ['--mount', 'sh', '-c', `${inside} ${args}`], { encoding: 'utf8' })
    expect(run('--install /out')).toContain('self-test passed')
    expect(run(`--dir ${dir}`)).toBe('')
    expect(() => run(`--dir ${dir} --check readiness`)).toThrow('Command failed')
  })
})
