import { describe, expect, it } from 'vitest'
import { ask, askAll, regionsForFlags } from '../support/ask.js'

regionsForFlags()

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
    [['--region', 'a,b,c,d,e'], '--region names more than 4 regions'],
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
  it('is said on standard error: exit 2', async () => {
    const answers = await askAll(wrong.map(([args]) => [args]))
    const told = wrong.map(([args], i) => ({ args, ...answers[i] }))
    expect(told).toEqual(
      wrong.map(([args, message]) => ({ args, code: 2, stdout: '', stderr: `shm-probe: ${message}\n` })),
    )
  })

  it('makes one line under 200 bytes, however long it is', async () => {
    const long = 'x'.repeat(9999)
    const rows = [...['--region', '--expect', '--dir', '--check'].map((flag) => [flag, long]), [`--unknown=${long}`]]
    for (const [i, { code, stderr }] of (await askAll(rows.map((args) => [args]))).entries()) {
      const facts = [rows[i]?.[0], code, Buffer.byteLength(stderr) < 200, /^[^\n]+\n$/.test(stderr)]
      expect(facts).toEqual([rows[i]?.[0], 2, true, true])
    }
  })

  it('may be in a variable, which is named; those that serve another check are no contradiction', async () => {
    expect((await ask([], { SHM_LIVENESS_MIN: '0' })).stderr).toBe(
      'shm-probe: SHM_LIVENESS_MIN "0" is no number from 1 to 4096\n',
    )
    expect((await ask([], { SHM_LIVENESS_CYCLE_WINDOW: '1s', SHM_LIVENESS_UNKNOWN: 'x' })).code).toBe(0)
    expect((await ask(['--version'], { SHM_LIVENESS_MIN: '0' })).code).toBe(0)
  })
})
