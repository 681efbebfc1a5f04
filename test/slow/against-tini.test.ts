import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { python } from '../support/python.js'
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

let outputs = 0

/**
 * Ends with the init, not with the last process that has its output open: what an init leaves behind is a part of the
 * comparison. The output goes to a file, so that all of it is there at that moment.
 */
function run(command: string[], input = ''): Promise<Result> {
  const [program, ...args] = command as [string, ...string[]]
  const env = { PATH: process.env['PATH'] ?? '', SHM_LIVENESS_REGION: uniqueRegion() }
  const output = join(folder, `output-${outputs++}`)
  const to = openSync(output, 'w')
  // The limit makes a failed test of an init that hangs.
  const child = spawn(program, args, { env, timeout: 60_000, killSignal: 'SIGKILL', stdio: ['pipe', to, 'ignore'] })
  closeSync(to)
  child.stdin?.on('error', () => {}) // a program that ends at once does not read it
  child.stdin?.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve({ code, signal, stdout: readFileSync(output, 'utf8') }))
  })
}

interface Scenario {
  title: string
  command: string[]
  /** In front of the init. */
  wrapper?: string[]
  input?: string
  /** What both must do: two that are wrong in the same way would agree. */
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

/**
 * Sends each signal to the init, one after the other: each must have arrived before the next is sent. The child blocks
 * them all, so those that came to it, too, are pending in it at the end.
 */
const sendAll = `
import os, signal, sys
numbers = list(map(int, sys.argv[1:]))
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
ended, end = os.pipe()
child = os.fork()
if child == 0:
    os.close(end)
    os.read(ended, 1)
    os._exit(len(signal.sigpending()))
heard = []
for n in numbers:
    os.kill(os.getppid(), n)
    came = signal.sigtimedwait(numbers, 30)
    if came is None: break
    heard.append(came.si_signo)
os.close(end)
print(*heard, "child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

/**
 * The init of these commands hears the signal of `last` after all others, as pending signals come in the order of their
 * numbers. So once the command has heard it, the init has dealt with the others.
 */
const last = 'WINCH'
const untilLast = (code: number) => `trap "exit ${code}" ${last}; kill -${last} $PPID; while :; do sleep 0.02; done`

/** The command leaves an orphan behind, which prints the process that took it in. */
const leavesOrphan = `
sh -c 'middle=$$
  (until read -r pid name state parent rest < /proc/self/stat && [ $parent != $middle ]; do :; done; echo $parent) &
'`

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
    command: [...python, '-c', sendAll, ...caught.map(String)],
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
    command: sh(`trap "" TERM; kill -TERM $PPID; kill -TERM $PPID; ${untilLast(9)}`),
    says: { code: 9 },
  },
  {
    title: 'SIGCHLD sent by hand',
    command: sh(`kill -CHLD $PPID; kill -CHLD $PPID; ${untilLast(5)}`),
    says: { code: 5 },
  },
  {
    title: 'SIGTTIN and SIGTTOU sent to it',
    command: sh(`kill -TTIN $PPID; kill -TTOU $PPID; ${untilLast(5)}`),
    says: { code: 5 },
  },
  {
    title: 'a command that stops itself and is continued by way of it',
    command: sh(
      '(until grep -q "^State:.T" /proc/$$/status; do sleep 0.01; done; kill -CONT $PPID) & kill -STOP $$; exit 6',
    ),
    says: { code: 6 },
  },
  {
    title: 'orphans: none is left as a zombie',
    // A child of the init is an orphan or a zombie, but for the command itself.
    command: sh(
      'for i in $(seq 20); do (sleep 0.05 &); done; until [ "$(cat /proc/$PPID/task/$PPID/children)" = "$$ " ]; do sleep 0.02; done; exit 7',
    ),
    says: { code: 7, stdout: '' },
  },
  {
    title: 'a child that is left behind: it is not waited for',
    command: sh('while kill -0 $PPID; do sleep 0.02; done & exit 8'),
    says: { code: 8 },
  },
]

/** The two ways in which an init is used, and how each of the two programs is told so. */
const ways: [way: string, before: string[], tini: string[]][] = [
  ['as PID 1', ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'], ['tini', '--']],
  ['as a subreaper', [], ['tini', '-s', '--']],
]

const titled = scenarios.map((scenario) => [scenario.title, scenario] as const)

describe.skipIf(!isThere).concurrent.each(ways)('%s, tini and shm-guard agree on', (_, before, tini) => {
  it.each(titled)('%s', async (_, { command, wrapper = [], input, says }) => {
    const [theirs, ours] = await Promise.all(
      [tini, [guardPath(), '--']].map((init) => run([...before, ...wrapper, ...init, ...command], input)),
    )
    expect(theirs).toMatchObject(says) // else the scenario is wrong
    expect(ours).toEqual(theirs)
  })
})

describe.skipIf(!isThere).concurrent('in a terminal, tini and shm-guard agree on', () => {
  const both = (typed: string, line: string) =>
    Promise.all(
      [
        ['tini', '-s', '--'],
        [guardPath(), '--'],
      ].map((init) => run([...python, terminal, typed, ...init, 'sh', '-c', line])),
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

describe.skipIf(!isThere).concurrent('where shm-guard means to differ from tini', () => {
  it('only --build makes 143 of an exit 0 after SIGTERM', async () => {
    const polite = sh('trap "exit 0" TERM; kill -TERM $PPID; while :; do sleep 0.02; done')
    const inits = [
      ['tini', '-s', '--'],
      [guardPath(), '--'],
      [guardPath(), '--build', '--'],
    ]
    const ends = await Promise.all(inits.map((init) => run([...init, ...polite])))
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 143])
  })

  it('shm-guard is a subreaper without being asked', async () => {
    const adopted = sh(`echo $PPID; echo $(${leavesOrphan})`)
    const parents = async (init: string[]) => (await run([...init, ...adopted])).stdout.trim().split('\n')
    const [guardPid, adopter] = await parents([guardPath(), '--'])
    expect(adopter).toBe(guardPid)
    const [tiniPid, other] = await parents(['tini', '--'])
    expect(other).not.toBe(tiniPid)
  })
})
