import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { uniqueRegion } from '../support/region.js'

const found: SpawnSyncReturns<string> = spawnSync('tini', ['--version'], { encoding: 'utf8' })
const isThere = found.status === 0
if (!isThere) console.warn('tini is not installed (Debian package tini): nothing is compared with it')

const terminal = join(import.meta.dirname, '../fixtures/guard-terminal.py')
const folder = mkdtempSync(join(tmpdir(), 'against-tini-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, mode: number, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

interface Result {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
}

/** Ends with the init, not with the last who has its pipes: what it leaves behind is part of the comparison. */
function run(command: string[], input = ''): Promise<Result> {
  const [program, ...args] = command as [string, ...string[]]
  const env = { PATH: process.env['PATH'] ?? '', SHM_LIVENESS_REGION: uniqueRegion() }
  const child = spawn(program, args, { env, timeout: 20_000, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'ignore'] })
  let stdout = ''
  child.stdout.on('data', (data) => (stdout += data))
  child.stdin.on('error', () => {}) // whoever ends at once does not read it
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      setTimeout(() => {
        child.stdout.destroy()
        resolve({ code, signal, stdout })
      }, 50)
    })
  })
}

interface Scenario {
  title: string
  command: string[]
  /** In front of the init. */
  wrapper?: string[]
  input?: string
  /** What both must say: two that are wrong in the same way would agree. */
  says: Partial<Result>
}

const sh = (line: string, ...words: string[]) => ['sh', '-c', line, 'sh', ...words]
const status = ['grep', '-E', 'SigBlk|SigIgn', '/proc/self/status']
const statusOf = (blocked: bigint, ignored: bigint) =>
  `SigBlk:\t${blocked.toString(16).padStart(16, '0')}\nSigIgn:\t${ignored.toString(16).padStart(16, '0')}\n`
const bits = (...signals: number[]) => signals.reduce((set, signal) => set | (1n << BigInt(signal - 1)), 0n)

const { SIGHUP, SIGUSR1, SIGPIPE, SIGTTIN, SIGTTOU, SIGINT, SIGTERM } = constants.signals
const caught = Array.from({ length: 31 }, (_, i) => i + 1)
  .filter((n) => ![4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22, 31].includes(n))
  .concat(34, 49, 64)

/** Sends each signal to the init, one after the other: each must have arrived before the next is sent. */
const sendAll = `
import os, signal, sys, time
heard = []
for n in range(1, 65):
    if n not in (9, 19, 32, 33, signal.SIGCHLD): signal.signal(n, lambda n, _: heard.append(n))
child = os.fork()
if child == 0:
    del heard[:]
    time.sleep(1.2)
    os._exit(len(heard))
for n in map(int, sys.argv[1:]):
    before = len(heard)
    os.kill(os.getppid(), n)
    end = time.time() + 1
    while len(heard) == before and time.time() < end: time.sleep(0.001)
print(*heard, "child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

const scenarios: Scenario[] = [
  ...[0, 1, 42, 127, 128, 143, 255].map((code) => ({
    title: `exit ${code}`,
    command: sh(`exit ${code}`),
    says: { code, stdout: '' },
  })),
  ...['HUP', 'INT', 'QUIT', 'ABRT', 'KILL', 'SEGV', 'PIPE', 'TERM', 'USR1', 'SYS'].map((name) => ({
    title: `killed by SIG${name}`,
    command: sh(`ulimit -c 0; kill -${name} $$; sleep 5`),
    says: { code: 128 + (constants.signals[`SIG${name}` as NodeJS.Signals] as number) },
  })),
  { title: 'a command that is not there', command: ['no-such-command'], says: { code: 127 } },
  { title: 'a path that is not there', command: [join(folder, 'nothing')], says: { code: 127 } },
  { title: 'a command that may not run', command: [file('plain', 0o644, '')], says: { code: 126 } },
  { title: 'a directory', command: [folder], says: { code: 126 } },
  {
    title: 'a script without an interpreter line',
    command: [file('script', 0o755, 'echo $1; exit 3'), 'a'],
    says: { code: 3, stdout: 'a\n' },
  },
  {
    title: 'a script with many arguments',
    command: [join(folder, 'script'), ...Array<string>(2000).fill('a')],
    says: { code: 3, stdout: 'a\n' },
  },
  {
    title: 'an interpreter that is not there',
    command: [file('odd', 0o755, '#!/no/such/thing\n')],
    says: { code: 127 },
  },
  { title: 'an empty file', command: [file('empty', 0o755, '')], says: { code: 0 } },
  {
    title: 'no PATH',
    wrapper: ['env', '--unset', 'PATH'],
    command: sh('echo found'),
    says: { code: 0, stdout: 'found\n' },
  },
  { title: 'an empty PATH', wrapper: ['env', 'PATH='], command: ['true'], says: {} },
  {
    title: 'ten thousand arguments',
    command: sh('echo $#', ...Array<string>(10_000).fill('word')),
    says: { code: 0, stdout: '10000\n' },
  },
  { title: 'its input', command: ['cat'], input: 'typed\n', says: { code: 0, stdout: 'typed\n' } },
  {
    title: 'its process group',
    command: sh('set -- $(cat /proc/$$/stat); test $5 = $$ && echo leads'),
    says: { stdout: 'leads\n' },
  },
  { title: 'a clean signal state', command: status, says: { code: 0, stdout: statusOf(0n, 0n) } },
  {
    title: 'signals that were blocked and ignored before',
    wrapper: ['env', '--block-signal=USR1', '--ignore-signal=HUP'],
    command: status,
    says: { stdout: statusOf(bits(SIGUSR1), bits(SIGHUP)) },
  },
  {
    title: 'SIGPIPE ignored before',
    wrapper: ['env', '--ignore-signal=PIPE'],
    command: status,
    says: { stdout: statusOf(0n, bits(SIGPIPE)) },
  },
  {
    title: 'the terminal’s signals ignored before',
    wrapper: ['env', '--ignore-signal=TTIN', '--ignore-signal=TTOU'],
    command: status,
    says: { stdout: statusOf(0n, bits(SIGTTIN, SIGTTOU)) },
  },
  {
    title: 'every signal that can be caught, sent to it: to the command, and not to its child',
    command: ['python3', '-S', '-c', sendAll, ...caught.map(String)],
    says: { code: 0, stdout: `${caught.join(' ')} child 0\n` },
  },
  {
    title: 'SIGTERM caught by a command that then exits 0',
    command: sh('trap "echo heard; exit 0" TERM; kill -TERM $PPID; while :; do sleep 0.02; done'),
    says: { code: 0, stdout: 'heard\n' },
  },
  {
    title: 'SIGTERM not caught',
    command: sh('kill -TERM $PPID; exec sleep 10'),
    says: { code: 128 + SIGTERM },
  },
  {
    title: 'SIGTERM ignored',
    command: sh('trap "" TERM; kill -TERM $PPID; kill -TERM $PPID; sleep 0.3; exit 9'),
    says: { code: 9 },
  },
  {
    title: 'SIGCHLD sent by hand',
    command: sh('kill -CHLD $PPID; kill -CHLD $PPID; sleep 0.1; exit 5'),
    says: { code: 5 },
  },
  {
    title: 'SIGTTIN and SIGTTOU sent to it',
    command: sh('kill -TTIN $PPID; kill -TTOU $PPID; sleep 0.1; exit 5'),
    says: { code: 5 },
  },
  {
    title: 'a command that stops itself and is continued by way of it',
    command: sh('(sleep 0.2; kill -CONT $PPID) & kill -STOP $$; exit 6'),
    says: { code: 6 },
  },
  {
    title: 'orphans: none is left as a zombie',
    command: sh(
      'i=0; while [ $i -lt 50 ]; do sh -c "sleep 0.05 &"; i=$((i+1)); done; sleep 0.4; ps -e -o ppid=,stat= | grep -c "^ *$PPID Z"; exit 7',
    ),
    says: { code: 7, stdout: '0\n' },
  },
  {
    title: 'a child that is left behind: it is not waited for',
    command: sh('sleep 3 >/dev/null & exit 8'),
    says: { code: 8 },
  },
]

/** The two ways in which an init is used, and how each of the two programs is told so. */
const ways: [way: string, before: string[], tini: string[]][] = [
  ['as PID 1', ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'], ['tini', '--']],
  ['as a subreaper', [], ['tini', '-s', '--']],
]

const titled = scenarios.map((scenario) => [scenario.title, scenario] as const)

describe.skipIf(!isThere).each(ways)('%s, tini and shm-guard agree on', (_, before, tini) => {
  it.each(titled)('%s', async (_, { command, wrapper = [], input, says }) => {
    const [theirs, ours] = await Promise.all(
      [tini, [guardPath(), '--']].map((init) => run([...before, ...wrapper, ...init, ...command], input)),
    )
    expect(theirs).toMatchObject(says) // else the scenario is wrong
    expect(ours).toEqual(theirs)
  })
})

describe.skipIf(!isThere)('in a terminal, tini and shm-guard agree on', () => {
  const both = (typed: string, line: string) =>
    Promise.all(
      [
        ['tini', '-s', '--'],
        [guardPath(), '--'],
      ].map((init) => run(['python3', terminal, typed, ...init, 'sh', '-c', line])),
    )

  it.each([
    [
      'who is in the foreground',
      '',
      'set -- $(cat /proc/$$/stat); test $1 = $5 && test $1 = $8 && exit 3',
      { code: 3 },
    ],
    ['Ctrl-C', '\\x03', 'echo ready; exec sleep 10', { code: 128 + SIGINT }],
    ['Ctrl-C that is caught', '\\x03', 'trap "exit 4" INT; echo ready; while :; do sleep 0.02; done', { code: 4 }],
    ['Ctrl-\\', '\\x1c', 'ulimit -c 0; echo ready; exec sleep 10', { code: 131 }],
    ['input', 'words\\n', 'echo ready; read line; echo "<$line>"; exit 5', { code: 5 }],
    ['a hang-up of nobody', '', 'tty >/dev/null && exit 6', { code: 6 }],
  ])('%s', async (_, typed, line, says) => {
    const [theirs, ours] = await both(typed, line)
    expect(theirs).toMatchObject(says)
    expect(ours).toEqual(theirs)
  })
})

describe.skipIf(!isThere)('where shm-guard means to differ from tini', () => {
  it('only --build makes 143 of an exit 0 after SIGTERM', async () => {
    const polite = sh('trap "exit 0" TERM; kill -TERM $PPID; while :; do sleep 0.02; done')
    expect((await run(['tini', '-s', '--', ...polite])).code).toBe(0)
    expect((await run([guardPath(), '--', ...polite])).code).toBe(0)
    expect((await run([guardPath(), '--build', '--', ...polite])).code).toBe(143)
  })

  it('it is a subreaper without being asked', async () => {
    const adopted = sh('echo $PPID; sh -c "sh -c \'sleep 0.2; ps -o ppid= -p \\$\\$\' & exit"; sleep 0.6')
    const parents = async (init: string[]) => (await run([...init, ...adopted])).stdout.trim().split(/\s+/)
    const [guardPid, adopter] = await parents([guardPath(), '--'])
    expect(adopter).toBe(guardPid)
    const [tiniPid, other] = await parents(['tini', '--'])
    expect(other).not.toBe(tiniPid)
  })
})
