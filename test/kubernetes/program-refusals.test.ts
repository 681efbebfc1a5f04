/** The tables of flags in TypeScript against the real programs: the same rows, and the same answers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { guardPath, probePath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { variableFor } from '../../lib/kubernetes/conventions.js'
import { emptyEnvironment, unknownText } from '../../lib/kubernetes/expansion.js'
import { notifyFlags } from '../../lib/kubernetes/notify-refusals.js'
import { type ProgramName, type Refusal, refusalsOf, rowsOf } from '../../lib/kubernetes/program-refusals.js'
import { type FlagRow, guardRows, probeRows } from '../../lib/kubernetes/program-rows.js'
import { guard } from '../support/guard.js'
import { probe, probeAll } from '../support/probe.js'
import { stepsFile } from '../support/steps.js'

const programs = ['shm-probe', 'shm-guard'] as const
const folder = mkdtempSync('/dev/shm/test-refusals-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Run {
  args: string[]
  env: Record<string, string>
}

/** Such that a program which takes it ends at once: the guard cannot listen at an address of nobody, and exits 3. */
const harmless: Record<ProgramName, Run> = {
  'shm-probe': { args: [], env: { SHM_LIVENESS_DIR: folder } },
  'shm-guard': { args: ['--', '/bin/true'], env: { SHM_LIVENESS_DIR: folder, SHM_LIVENESS_LISTEN: '192.0.2.1:9' } },
}

const values: Record<string, string[]> = {
  'NAME,...': [
    'a',
    'a,b',
    'a b',
    ',',
    'a,,b',
    '.a',
    'a,b,c,d,e',
    'a,a,a,a,a',
    `${'n'.repeat(64)}`,
    `$\{REGION}`,
    '$(R)',
  ],
  'A,B': ['a', 'a,b.c', ',a,', '', 'é', Array(64).fill('a').join(','), Array(65).fill('a').join(',')],
  NAME: ['a', 'a,b', '-', '.', 'a b', 'n'.repeat(63), 'n'.repeat(64)],
  TEXT: ['a', 'n'.repeat(32), 'n'.repeat(33), 'a b', '.a'],
  N: ['1', '0', '-3', '4096', '4097', '1000000', '1000001', '007', '1.5', '1e3', ' 1', '0x1', '99999999999999999999'],
  DUR: ['1s', '0', '0s', '250', '1ns', '99us', '100us', '1.5s', '1s1m', '-1s', '8784h', '8785h', '1 s', '1S', '1m30s'],
  WHICH: ['liveness', 'readiness', 'startup', 'livenes', 'Liveness', 'live'],
  SIG: [
    'ABRT',
    'SIGTERM',
    '6',
    '0',
    '64',
    '65',
    'abrt',
    'SIG6',
    'RTMIN',
    'SIGRTMAX-30',
    'RTMIN+31',
    'SIGSIGTERM',
    '06',
  ],
  PATH: [join(folder, 'log'), 'log', '0', 'true', `/${'p'.repeat(106)}`, `/${'p'.repeat(107)}`, `/${'é'.repeat(54)}`],
  DIR: [folder, '/no/such', 'd'.repeat(255), 'd'.repeat(256), 'é'.repeat(128)],
  FILE: [stepsFile([{ name: 'a', argv: ['true'] }])],
  LIST: ['output', 'cpu,io', 'disk', ',', 'output,,cpu', 'output,disk'],
  'ADDRESS:PORT': [
    '192.0.2.1:9',
    '192.0.2.1:0',
    '192.0.2.1',
    '[2001:db8::1]:9',
    '[2001:db8::1:9',
    '[::1%lo]:9',
    '1.2.3:9',
    '01.2.3.4:9',
    '192.0.2.1:65536',
    'host:9',
    '::1:9',
    '[1:2:3:4:5:6:7:8:9]:9',
  ],
  'UID[:GID]': ['1000', '1000:', ':1', '1:2:3', 'root', '4294967294', '4294967295', '0:0'],
  '': ['1', '0', 'true', 'false', 'yes', 'TRUE', ''],
}

const words = [
  ...[['livenes'], [''], ['-h'], ['--restrat', '3'], ['--max_age=1s'], ['--MAX-AGE=1s'], ['--='], ['--max-age']],
  ...[
    ['--max-age', '1s', '--max-age=1s'],
    ['--', '--'],
    ['--region=a,b', '--region=c', '--region', 'd', '--region=e'],
  ],
  ['--region=a', '--region=a,a', '--region=a', '--region=a', '--region=a'],
  ...[['--notify-socket=/x'], ['--notify', '--notify-socket=/x'], ['--name=a'], ['--restart-budget=1s', '--restart=0']],
  ...[['--dead-grace=1s', '--check=readiness'], ['--cycle-window=1s'], ['--cycle-window=1s', '--check=readiness']],
]

/** Each row with each value of its kind, as flag and as variable. */
function runsOf(program: ProgramName, { flag, placeholder }: FlagRow): Run[] {
  const { args, env } = harmless[program]
  const beside = { 'restart-budget': ['--restart=1'], name: ['--notify'], 'notify-socket': ['--notify'] }[flag] ?? []
  return [`--${flag}`].flatMap((word) => [
    { args: [word, ...args], env },
    { args: [word, values[placeholder]?.[0] as string, ...args], env },
    ...(values[placeholder] as string[]).flatMap((value) => [
      { args: [`${word}=${value}`, ...beside, ...args], env },
      { args, env: { ...env, [variableFor(flag)]: value } },
    ]),
  ])
}

function refusals(program: ProgramName, { args, env }: Run): Refusal[] {
  return refusalsOf(program, args, { ...emptyEnvironment, values: new Map(Object.entries(env)) })
}

/** What the real program and the table say of each run; both lists are the same, unless one of them is wrong. */
async function compare(program: ProgramName, runs: Run[]): Promise<void> {
  const path = program === 'shm-probe' ? probePath() : guardPath()
  const results = await probeAll(runs, { program: path })
  const said = (run: Run, isRefused: boolean) => `${isRefused ? 'refuses' : 'takes'} ${JSON.stringify(run)}`
  expect(runs.map((run) => said(run, refusals(program, run).length > 0))).toEqual(
    runs.map((run, index) => said(run, results[index]?.code === 2)),
  )
  for (const [index, run] of runs.entries()) {
    // The program names the first value that is wrong; it is one of ours.
    const [, word] =
      /^shm-\w+: (--[a-z-]+|SHM_LIVENESS_[A-Z_]+|unknown argument) "/.exec(results[index]?.stderr ?? '') ?? []
    const messages = refusals(program, run).map(({ message }) => message)
    if (word !== undefined && messages.length > 0)
      expect([run, messages.join('\n')]).toEqual([run, expect.stringContaining(word)])
  }
}

describe.each(programs)('the table of %s', (program) => {
  it('has the rows of its help', async () => {
    const { stdout } = await (program === 'shm-probe' ? probe(['--help']) : guard(['--help']))
    const rows = [...stdout.matchAll(/^ {2}--([a-z-]+)(?:\[=(\S*)\]| (\S*)) /gm)].map(
      ([, flag, optional, required]) => ({
        flag,
        placeholder: optional ?? required,
        takes: optional !== undefined ? 'optional value' : required === '' ? 'nothing' : 'value',
      }),
    )
    expect(rowsOf[program].map(({ flag, placeholder, takes }) => ({ flag, placeholder, takes }))).toEqual(rows)
  })

  it('takes and refuses the values that the program does', async () => {
    // The rows that both programs have are read by the same code.
    const rows = program === 'shm-probe' ? probeRows : guardRows.filter((row) => !probeRows.includes(row))
    await compare(
      program,
      rows.flatMap((row) => runsOf(program, row)),
    )
  })

  it('takes and refuses some hundreds of command lines and environments as the program does', async () => {
    const { args, env } = harmless[program]
    const sole = program === 'shm-probe' ? ['install'] : [...probeRows, ...guardRows.slice(-2)].map(({ flag }) => flag)
    const rows = rowsOf[program].filter(({ flag }) => !sole.includes(flag))
    // Mostly a value that is right: what is looked for is how settings go together.
    const setting = fc.constantFrom(...rows).chain((row) =>
      fc.record({
        row: fc.constant(row),
        value: fc.constantFrom(...(values[row.placeholder] as string[]).slice(0, 3)),
      }),
    )
    const flag = setting.map(({ row, value }) => (row.takes === 'nothing' ? `--${row.flag}` : `--${row.flag}=${value}`))
    const variable = setting.map(({ row, value }) => [variableFor(row.flag), value] as const)
    const words = program === 'shm-probe' ? fc.constant([]) : fc.constantFrom(args, args, [], [], ['--'], ['true'])
    // Without an address a guard needs a command.
    const listen = fc.constantFrom({}, { SHM_LIVENESS_LISTEN: '' })
    const run = fc
      .tuple(fc.array(flag, { maxLength: 4 }), fc.array(variable, { maxLength: 3 }), words, listen)
      .map(([flags, variables, rest, address]) => ({
        args: [...flags, ...rest],
        env: { ...env, ...address, ...Object.fromEntries(variables) },
      }))
    await compare(program, fc.sample(run, { seed: 12, numRuns: 300 }))
  })

  it('reads words as the program does', async () => {
    const { args, env } = harmless[program]
    await compare(
      program,
      words.map((each) => ({ args: [...each, ...args], env })),
    )
  })

  it('takes what cannot be known', () => {
    for (const row of rowsOf[program].filter(({ takes, hasVariable }) => takes === 'value' && hasVariable)) {
      const environment = { values: new Map([[variableFor(row.flag), unknownText]]), mayHave: () => true }
      expect(refusalsOf(program, ['--', 'true'].slice(program === 'shm-probe' ? 2 : 0), environment)).toEqual([])
    }
  })
})

describe('shm-guard notify', () => {
  it('has the flags of its help', async () => {
    const { stdout } = await guard(['notify', '--help'])
    const rows = [...stdout.matchAll(/^ {2}(--[a-z-]+) (\S*)/gm)].map(([, flag, value]) => [flag, value !== ''])
    expect([...notifyFlags].map(([flag, kind]) => [flag, kind !== undefined])).toEqual(rows)
  })

  it('takes and refuses what the program does', async () => {
    const phase = ['--phase', 'a b', '--budget', '1s']
    const argvs = [
      ...[
        [],
        ['--ready'],
        ['--redy'],
        ['--beat', '--stopping'],
        ['--beat=1'],
        phase,
        ['--phase', 'a'],
        ['--budget', '1s'],
      ],
      ...[
        ['--phase', '', '--budget', '1s'],
        ['--phase', 'a\nb', '--budget', '1s'],
        ['--phase', 'a', '--budget', '999ns'],
      ],
      ...[
        ['--phase', 'é'.repeat(31), '--budget', '1us'],
        ['--phase', 'é'.repeat(32), '--budget', '1us'],
      ],
      ...[
        ['--status', 'a'],
        ['--status'],
        ['--status', 'a\nb'],
        ['x', '--help'],
        ['notify', '--ready'],
        ['--end-phase'],
      ],
    ]
    // Nobody is behind NOTIFY_SOCKET: what is taken exits 3.
    await compare(
      'shm-guard',
      argvs.map((argv) => ({ args: ['notify', ...argv], env: {} })),
    )
  })
})
