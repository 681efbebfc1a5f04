import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { variableOf } from '../support/ask.js'
import { type GuardOptions, guard } from '../support/guard.js'
import { uniqueRegion } from '../support/region.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-usage-'))
afterAll(() => rmSync(folder, { recursive: true }))

const help = async () => (await guard(['--help'])).stdout
/** Each row of the help: its flag, and whether a value follows. */
async function rows(): Promise<{ flag: string; takesValue: boolean }[]> {
  const found = [...(await help()).matchAll(/^ {2}--([a-z-]+)(\[=PATH\])?( [A-Z][A-Z,:.[\]]*)?(?= |$)/gm)]
  return found.map(([, flag, , value]) => ({ flag: flag as string, takesValue: value !== undefined }))
}

const command = ['--', 'echo', 'ran']
/** The line of a guard that refuses; it runs no command then, and says nothing else. */
async function refused(args: string[], options: GuardOptions = {}): Promise<string> {
  const found = await guard(args, options)
  expect(found).toMatchObject({ code: 2, stdout: '' })
  expect(found.stderr).toMatch(/^shm-guard: [^\n]+\n$/)
  expect(Buffer.byteLength(found.stderr)).toBeLessThan(220)
  return found.stderr.slice('shm-guard: '.length, -1)
}

const duration = 'is no duration (say 250ms, 1.5s or 1m30s)'
const address = 'is no address with a port (say 0.0.0.0:9808 or [::]:9808)'
const signal = 'is no signal (say ABRT, SIGTERM or 6)'
const number = 'is no number up to 1000000'
const list = 'is no list of output, cpu, io'
const owner = 'is no UID or UID:GID, both numbers'
const nonce = 'is no text of 1 to 32 of A-Z a-z 0-9 . _ -'
const name = 'is no name: a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with no dot'

const bad: [flag: string, values: string[], why: string][] = [
  ['--interval', ['soon', '20', '0', '-1s'], duration],
  ['--grace', ['soon', '5', '-1s'], duration],
  ['--restart-budget', ['0', 'x'], duration],
  ['--max-age', ['0', '1'], duration],
  ['--startup-grace', ['60'], duration],
  ['--dead-grace', ['x'], duration],
  ['--signal', ['NOPE', 'abrt', '0', '65', '-6', 'SIG', 'SIGSIGTERM', '6x'], signal],
  ['--restart', ['-1', 'many', '1000001', '1.5', '99999999999999999999'], number],
  ['--progress', [',', 'network', 'cpu,disk', 'CPU'], list],
  ['--notify-socket', ['notify', `/${'x'.repeat(107)}`], 'is not an absolute path of up to 107 bytes'],
  ['--name', ['a/b', '.hidden', 'a b', 'x'.repeat(64)], name],
  ['--watcher', ['a/b', '.hidden', 'a b', 'x'.repeat(64)], name],
  ['--nonce', ['a=b', 'a b', 'x'.repeat(33)], nonce],
  [
    '--listen',
    [
      '9808',
      'localhost:9808',
      '1.2.3.4',
      '1.2.3.4:',
      '1.2.3.4:0',
      '1.2.3.4:70000',
      '1.2.3:80',
      '256.1.1.1:80',
      '[::1:80',
      '::1:80',
    ],
    address,
  ],
  ['--owner', ['root', '1:', ':1', '1:2:3', '-1', '4294967295', '1:4294967295', '4294967296'], owner],
]

describe.concurrent('a bad value', () => {
  it.each(bad)('of %s is refused, whichever of %j', async (flag, values, why) => {
    const lines = await Promise.all(values.map((value) => refused([flag, value, ...command])))
    // A long value is cut, so that its reason fits beside it.
    expect(lines).toEqual(values.map((value) => `${flag} "${value.slice(0, 40)}" ${why}`))
  })

  it.each(bad.filter(([flag]) => flag !== '--nonce'))(
    'of %s is refused in its variable, too',
    async (flag, values, why) => {
      const variable = variableOf(flag.slice(2))
      const value = values[0] as string
      expect(await refused(command, { env: { [variable]: value } })).toBe(`${variable} "${value.slice(0, 40)}" ${why}`)
    },
  )

  it('of --steps is refused by what is wrong with the file', async () => {
    expect(await refused(['--steps', join(folder, 'none')])).toMatch(/none: no such file or directory$/)
    expect(await refused(['--steps', folder])).toMatch(/is a directory$/)
    const path = join(folder, 'steps.json')
    writeFileSync(path, '{\n"steps": [{"name": "a", "argv": []}]}')
    expect(await refused(['--steps', path])).toContain(`${path}, line 2, step 1: "argv" names no program`)
  })
})

describe.concurrent('what contradicts itself', () => {
  const contradictions: [args: string[], why: string][] = [
    [[], 'no command; say: shm-guard [flags] -- command args...'],
    [['--interval', '5ms'], 'no command; say: shm-guard [flags] -- command args...'],
    [['--'], 'after -- there is no command'],
    [['--listen', '127.0.0.1:9808', '--'], 'after -- there is no command'],
    [['--steps', 'f', ...command], '--steps and a command: one of them'],
    [['--steps', 'f', '--restart', '1'], '--steps are not restarted: no --restart'],
    [['--steps', 'f', '--notify'], '--steps stamp by progress: no --notify'],
    [['--notify', '--progress', 'cpu', ...command], '--notify and --progress both stamp for the command: one of them'],
    [['--listen', '127.0.0.1:9808', '--watcher', 'api'], '--watcher needs a command that it may end'],
    [['--watcher', 'api', '--min', '1', '--', 'true'], '--min does not count a --watcher: one of them'],
    [
      ['--watcher', 'api', '--expect', 'a,api', '--', 'true'],
      '--expect names the --watcher, whose absence says nothing',
    ],
    [
      ['--watcher', 'api', '--notify', '--name', 'api', '--', 'true'],
      '--watcher has the name by which the guard stamps: another --name',
    ],
    [
      ['--watcher', 'main', '--notify', '--', 'true'],
      '--watcher has the name by which the guard stamps: another --name',
    ],
    ...[['--restart', '1'], ['--build'], ['--notify'], ['--progress', 'io']].map((flags): [string[], string] => [
      ['--listen', '127.0.0.1:9808', ...flags],
      '--restart, --build, --notify and --progress need a command after --',
    ]),
  ]
  it.each(contradictions)('is refused: %j', async (args, why) => {
    expect(await refused(args)).toBe(why)
  })

  it('is refused also if a variable is a part of it', async () => {
    const env = { SHM_LIVENESS_NOTIFY: '1' }
    expect(await refused(['--steps', 'f'], { env })).toBe('--steps stamp by progress: no --notify')
  })

  it('is refused: a command without --, and a flag that the probe alone has', async () => {
    expect(await refused(['echo', 'ran'])).toBe('unknown argument "echo"; see --help')
    const flags = ['--check', '--json', '--verbose', '--confirm', '--self-test', '--nonsense', '-v']
    const lines = await Promise.all(flags.map((flag) => refused([flag, ...command])))
    expect(lines).toEqual(flags.map((flag) => `unknown argument "${flag}"; see --help`))
  })

  it('is refused: a flag that is there twice', async () => {
    const values: Record<string, string> = { min: '1', owner: '0', listen: '127.0.0.1:1', restart: '1' }
    const cases = (await rows()).flatMap(({ flag, takesValue }) => {
      if (flag === 'region') return [] // may be repeated
      if (takesValue && values[flag] === undefined) return []
      return [[`--${flag}`, ...(takesValue ? [values[flag] as string] : [])]]
    })
    const lines = await Promise.all(cases.map((once) => refused([...once, ...once, ...command])))
    expect(lines).toEqual(cases.map(([flag]) => `${flag} is given twice`))
  })
})

describe.concurrent('every flag of the help', () => {
  it('needs its value, or takes none', async () => {
    const all = await rows()
    expect(all.length).toBeGreaterThan(20)
    const cases = all.flatMap(({ flag, takesValue }): [args: string[], why: string][] => {
      const needs = `--${flag} needs a value`
      if (takesValue) {
        return [
          [[`--${flag}`], needs],
          [[`--${flag}=`, ...command], needs],
          [[`--${flag}`, ...command], needs],
        ]
      }
      return flag === 'termination-log' ? [] : [[[`--${flag}=x`, ...command], `--${flag} takes no value`]]
    })
    expect(await Promise.all(cases.map(([args]) => refused(args)))).toEqual(cases.map(([, why]) => why))
  })

  it('is in README’s table of shm-guard, and no other is', async () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
    const section = /\n## shm-guard\n([\s\S]*?)(?=\n## |$)/.exec(readme)?.[1] ?? ''
    const cells = section
      .split('\n')
      .flatMap((line) => (line.startsWith('| `--') ? [line.split('|')[1] as string] : []))
    const told = [...cells.join(' ').matchAll(/`--([a-z-]+)/g)].map(([, flag]) => flag as string)
    const all = (await rows()).map(({ flag }) => flag)
    expect(all.filter((flag) => !told.includes(flag))).toEqual([])
    expect(told.filter((flag) => !all.includes(flag))).toEqual([])
  })
})

describe.concurrent('a variable', () => {
  const run = (env: Record<string, string>, args: string[] = []) =>
    guard([...args, '--', 'sh', '-c', 'trap "exit 0" TERM; kill -TERM $PPID; while :; do sleep 0.02; done'], {
      env: { SHM_LIVENESS_REGION: uniqueRegion(), ...env },
    })

  it('does what its flag does', async () => {
    const codeWith = async (env: Record<string, string>) => (await run(env)).code
    const values = ['1', 'true', '0', 'false', '']
    expect(await codeWith({})).toBe(0)
    expect(await Promise.all(values.map((value) => codeWith({ SHM_LIVENESS_BUILD: value })))).toEqual([
      143, 143, 0, 0, 0,
    ])
    expect(await run({ SHM_LIVENESS_BUILD: 'yes' })).toMatchObject({
      code: 2,
      stderr: 'shm-guard: SHM_LIVENESS_BUILD "yes" is neither 1 nor 0\n',
    })
  })

  it('is beaten by its flag', async () => {
    const env = { SHM_LIVENESS_REGION: uniqueRegion(), SHM_LIVENESS_RESTART: '2', SHM_LIVENESS_SIGNAL: 'NOPE' }
    const found = await guard(['--signal', 'TERM', '--restart', '1', '--', 'sh', '-c', 'exit 5'], { env })
    expect(found).toMatchObject({ code: 5, stderr: 'shm-guard: exited with 5; restart 1/1 in 100ms\n' })
    const without = await guard(['--signal', 'TERM', '--', 'sh', '-c', 'exit 5'], { env })
    expect(without.stderr.trim().split('\n')).toHaveLength(2)
  })

  it('reaches the command, for its own probes and claims', async () => {
    const region = uniqueRegion()
    const found = await guard(['--', 'sh', '-c', 'echo "$SHM_LIVENESS_REGION"'], {
      env: { SHM_LIVENESS_REGION: region },
    })
    expect(found).toMatchObject({ code: 0, stdout: `${region}\n` })
  })

  it('is there for every flag but --steps and --nonce', async () => {
    expect(await help()).toContain('Flags are environment variables too, but for --steps and --nonce')
    const values: Record<string, string> = {
      dir: 'x'.repeat(300),
      'termination-log': '/no/such/dir/log',
      'notify-socket': 'relative',
    }
    const without = ['steps', 'nonce', 'version', 'help']
    const check = async (flag: string) => {
      const env = { SHM_LIVENESS_REGION: 'x', [variableOf(flag)]: values[flag] ?? '/=/' }
      const found = await guard(['--', 'true'], { env })
      if (without.includes(flag)) expect([flag, found.code, found.stderr]).toEqual([flag, 0, ''])
      else expect([flag, found.stderr]).toEqual([flag, expect.not.stringMatching(/^$/)])
    }
    await Promise.all((await rows()).map(({ flag }) => check(flag)))
  })

  it('of a Service that bears our name is not one of ours', async () => {
    const env = {
      SHM_LIVENESS_REGION: uniqueRegion(),
      SHM_LIVENESS_SERVICE_HOST: '10.0.0.1',
      SHM_LIVENESS_PORT: 'tcp://10.0.0.1:80',
    }
    expect(await guard(command, { env })).toMatchObject({ code: 0, stdout: 'ran\n', stderr: '' })
  })
})

describe.concurrent('what the guard says of itself', () => {
  it('is its version, as package.json has it', async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    const found = await guard(['--version'])
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout).toBe(`shm-guard ${manifest.version} (layout 2)\n`)
  })

  it('is its help, in lines that fit a terminal, with each exit code of its own', async () => {
    const found = await guard(['--help'])
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout).toMatch(/^usage: shm-guard \[flags\] -- command args\.\.\.\n/)
    for (const code of [2, 3, 120, 121, 122, 124, 126, 127])
      expect(found.stdout).toMatch(new RegExp(`\\b${code} [a-z]`))
    expect(found.stdout.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  it('comes before whatever else is wrong, and runs nothing', async () => {
    const env = { SHM_LIVENESS_INTERVAL: 'soon' }
    expect(await guard(['--version', ...command], { env })).toMatchObject({ code: 0, stderr: '' })
    expect((await guard(['--help', '--steps', 'f', ...command], { env })).stdout).not.toMatch(/^ran$/m)
  })

  it('is an error if its output cannot be written', async () => {
    const wrapper = ['sh', '-c', 'exec "$@" > /dev/full', 'sh']
    expect((await guard(['--help'], { wrapper })).code).toBe(3)
  })

  it('holds no control characters of a value, and no more of it than fits a line', async () => {
    const line = await refused(['--signal', `\u001b[31m\n${'x'.repeat(5000)}`, ...command])
    expect(line).not.toMatch(/\p{Cc}/u)
  })
})

it('is left in the termination log, in place of what a probe wrote there', async () => {
  const log = join(folder, 'log')
  writeFileSync(log, 'stalled: an hour ago')
  expect(await guard([`--termination-log=${log}`, '--interval', 'soon', '--', 'true'])).toMatchObject({ code: 2 })
  const [line, json] = readFileSync(log, 'utf8').split('\n') as [string, string]
  expect(line).toMatch(/^--interval "soon" is no duration/)
  expect(JSON.parse(json)).toMatchObject({ outcome: 'not-started', exit: 2 })
})
