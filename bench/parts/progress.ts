import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { guardPath, Region } from 'shm-liveness'
import type { Session } from '../support/session.js'
import type { Row } from '../table.js'

/** A real program, and whether the guard is to call it progress by cpu or io. */
interface Tried {
  what: string
  /** Of sh, in a folder of the session's own. */
  line: string
  expects: 'progress' | 'silence'
  /** Programs that must be there. @default the line's first word */
  needs?: string[]
}

/** What it shows, each for one second. */
interface Shown {
  cpuMs: number
  rchar: number
  wchar: number
  readBytes: number
  writeBytes: number
  tasks: number
  output: number
}

/** Its start is over, and the guard has forgotten it: windows of time are 2 s long. */
const settledMs = 5_000
const watchedMs = 4_500

const root = fileURLToPath(new URL('.', import.meta.resolve('shm-liveness/package.json')))
const again = (line: string) => `while ${line}; do :; done`
const until = (line: string, seconds = 1) => `until ${line}; do sleep ${seconds}; done`
const postgres = '/usr/lib/postgresql/15/bin'

function triedIn(folder: string, port: number): Tried[] {
  const url = `http://127.0.0.1:${port}`
  const closed = 'http://127.0.0.1:1'
  const connect = 'import socket; socket.create_connection(("127.0.0.1", 1))'
  const npm = 'npm --silent --no-audit --no-fund --cache ./cache'
  const lists = '-o Dir::State::lists=./lists -o Dir::Cache=./apt -o APT::Sandbox::User=root'
  const progress: [what: string, line: string, needs?: string[]][] = [
    ['apt-get update', again(`rm -rf lists && mkdir -p lists/partial && apt-get -qq ${lists} update`), ['apt-get']],
    [
      'apt-get download',
      again('rm -f *.deb && apt-get -qq download gdb linux-libc-dev perl-modules-5.36'),
      ['apt-get'],
    ],
    ['npm ci', again(`rm -rf node_modules && ${npm} ci`), ['npm']],
    [
      'pip install',
      again('pip install -q --no-index --no-deps --upgrade --target got.d ./many-1-py3-none-any.whl'),
      ['pip'],
    ],
    ['curl -s -o, 100 KB/s', `curl -s -o got ${url}/slow`, ['curl']],
    ['wget -q, 100 KB/s', `wget -q -O got ${url}/slow`, ['wget']],
    ['git clone -q', again(`rm -rf clone && git clone -q file://${root} clone`), ['git']],
    ['g++ -O2', again('g++ -O2 -c regex.cc -o regex.o'), ['g++']],
    ['make -s, 300 small files', again('rm -f *.o && make -s -C small clean all'), ['make', 'gcc']],
    [
      'tsc',
      again(`node ${root}/node_modules/typescript/bin/tsc --noEmit --skipLibCheck false ${folder}/dom.ts`),
      ['node'],
    ],
    ['python3 -m unittest', 'python3 -m unittest -q test_slow 2>/dev/null', ['python3']],
    ['node --test', again('node --test spin.test.mjs > /dev/null'), ['node']],
    ['vitest run', again(`node ${root}/node_modules/vitest/vitest.mjs run --root . > /dev/null`), ['node']],
    ['ctest -Q', again('ctest -Q --test-dir tests'), ['ctest']],
    ['tar and gzip', again('tar -cf - /usr/include | gzip > got.tgz'), ['tar']],
    ['sha256sum', again('sha256sum /usr/bin/* > /dev/null 2>&1'), ['sha256sum']],
  ]
  const silence: [what: string, line: string, needs?: string[]][] = [
    ['sleep loop', 'while :; do sleep 1; done', []],
    ['[ -e file ], each 0.1 s', until('[ -e /nonexistent ]', 0.1), ['sleep']],
    ['curl, refused', until(`curl -s ${closed}`), ['curl']],
    ['curl, 404', until(`curl -sf ${url}/nothing`), ['curl']],
    ['curl to grep', until(`curl -s ${url}/nothing | grep -q ready`), ['curl']],
    ['wget', until(`wget -q -O /dev/null ${closed}`), ['wget']],
    ['nc -z', 'while ! nc -z 127.0.0.1 1; do sleep 1; done', ['nc']],
    ['pg_isready', until(`${postgres}/pg_isready -q -h 127.0.0.1 -p 1`), [`${postgres}/pg_isready`]],
    ['python3, connect', until(`python3 -c '${connect}' 2>/dev/null`), ['python3']],
    ['node, fetch', until(`node -e 'fetch("${closed}").catch(() => process.exit(1))'`), ['node']],
    ['node, setInterval(fetch)', `node -e 'setInterval(() => fetch("${url}/nothing").catch(() => {}), 250)'`, ['node']],
    [
      'python3, time.sleep',
      `python3 -c 'import os, time
while not os.path.exists("/nonexistent"): time.sleep(0.1)'`,
      ['python3'],
    ],
    ['watch -n1 ls', 'TERM=xterm watch -n1 ls /', ['watch']],
    ['inotifywait', 'inotifywait -qq .', ['inotifywait']],
    ['tail -f', 'tail -f regex.cc > /dev/null', ['tail']],
    ['flock', '(flock 9; sleep 60) 9> lock & sleep 0.2; flock lock true', ['flock']],
    ['nginx', 'nginx -c $PWD/nginx.conf', ['nginx']],
    ['python3 -m http.server', 'python3 -m http.server 0', ['python3']],
    ['redis-server', 'redis-server --port 0 --unixsocket $PWD/redis.sock --save "" > /dev/null', ['redis-server']],
    [
      'postgres',
      `exec setpriv --reuid postgres --regid postgres --clear-groups ${postgres}/postgres -D $PWD/data -k $PWD/data -c listen_addresses= 2>/dev/null`,
      [`${postgres}/postgres`],
    ],
  ]
  const with_ =
    (expects: Tried['expects']) =>
    ([what, line, needs]: [string, string, string[]?]) => ({
      ...{ what, line, expects },
      ...(needs === undefined ? {} : { needs }),
    })
  return [...progress.map(with_('progress')), ...silence.map(with_('silence'))]
}

/** A package of 3000 modules, so that pip has something to do without a network. */
const wheelOfManyModules = `import zipfile
with zipfile.ZipFile("many-1-py3-none-any.whl", "w") as wheel:
  names = [f"many/m{i}.py" for i in range(3000)]
  for name in names: wheel.writestr(name, "x = 1\\n" * 50)
  info = "many-1.dist-info/"
  wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: many\\nVersion: 1\\n")
  wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
  wheel.writestr(info + "RECORD", "".join(f"{name},,\\n" for name in names))
`

async function prepare(session: Session, folder: string): Promise<void> {
  for (const each of ['small', 'tests', 'data']) mkdirSync(join(folder, each), { recursive: true })
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
  const spin = 'let x = 0; for (let i = 0; i < 2e8; i++) x += i'
  put(
    'package.json',
    JSON.stringify({ name: 'x', version: '1.0.0', dependencies: { express: '4.21.1', typescript: '5.6.3' } }),
  )
  put('regex.cc', '#include <regex>\nint main() { return std::regex_match("ab", std::regex("a+b")); }\n')
  for (let i = 0; i < 300; i++) put(`small/f${i}.c`, `int f${i}(int x) { return x * ${i}; }\n`)
  put('small/Makefile', 'O = $(patsubst %.c,%.o,$(wildcard *.c))\nall: $(O)\nclean:\n\trm -f $(O)\n')
  put('dom.ts', 'export const found = document.querySelectorAll("a")\n')
  put(
    'test_slow.py',
    'import hashlib, unittest\nclass Slow(unittest.TestCase):\n  def test(self):\n    for _ in range(1000): hashlib.pbkdf2_hmac("sha256", b"a", b"b", 100000)\n',
  )
  put(
    'spin.test.mjs',
    `import test from 'node:test'\nfor (let n = 0; n < 20; n++) test(String(n), () => { ${spin} })\n`,
  )
  put(
    'spin.test.js',
    `import { it } from '${root}node_modules/vitest/dist/index.js'\nfor (let n = 0; n < 40; n++) it(String(n), () => { ${spin} })\n`,
  )
  put(
    'tests/CTestTestfile.cmake',
    'add_test(spins "/bin/sh" "-c" "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")\n',
  )
  put(
    'nginx.conf',
    `daemon off; pid ${folder}/nginx.pid; error_log /dev/null; events {} http { access_log off; server { listen unix:${folder}/nginx.sock; } }\n`,
  )
  put('wheel.py', wheelOfManyModules)
  await session.run('sh', [
    '-c',
    `cd ${folder} && export HOME=$PWD; ! command -v python3 || python3 wheel.py || :; ! command -v npm || npm --silent --cache ./cache install --package-lock-only || :
chmod 711 ${folder} ${join(folder, '..')}; ! [ -x ${postgres}/initdb ] || { chown postgres data && setpriv --reuid postgres --regid postgres --clear-groups ${postgres}/initdb -D data > /dev/null; } || :`,
  ])
}

const isThere = (program: string) =>
  program.includes('/')
    ? existsSync(program)
    : (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)))

function statOf(pid: number): { parent: number; own: number; children: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number)
  return { parent: fields[1]!, own: fields[11]! + fields[12]!, children: fields[13]! + fields[14]! }
}

/** Sums over the guard's descendants, as the guard reads them. */
function usageBelow(guard: number): Omit<Shown, 'tasks' | 'output'> {
  const sum = { cpuMs: 0, rchar: 0, wchar: 0, readBytes: 0, writeBytes: 0 }
  const stats = new Map<number, ReturnType<typeof statOf>>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      stats.set(Number(entry), statOf(Number(entry)))
    } catch {} // it has ended
  }
  const isBelow = (pid: number): boolean => {
    const parent = stats.get(pid)?.parent
    return parent === guard || (parent !== undefined && parent !== 0 && isBelow(parent))
  }
  sum.cpuMs += (stats.get(guard)?.children ?? 0) * 10
  for (const [pid, { own, children }] of stats) {
    if (!isBelow(pid)) continue
    sum.cpuMs += (own + children) * 10
    try {
      const io = readFileSync(`/proc/${pid}/io`, 'latin1')
      const of = (key: string) => Number(new RegExp(`^${key}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0)
      sum.rchar += of('rchar')
      sum.wchar += of('wchar')
      sum.readBytes += of('read_bytes')
      sum.writeBytes += of('write_bytes')
    } catch {} // it has ended
  }
  return sum
}

/** The last number that the guard's namespace has given to a process or a thread. */
async function lastTask(session: Session, guard: number): Promise<number> {
  return Number((await session.run('nsenter', ['-t', String(guard), '-p', '-m', 'cat', '/proc/loadavg'])).split(' ')[4])
}

const beatsOf = (region: string) => Region.open(region).workers()[0]?.beats ?? 0

/** Runs it under a guard, as its PID 1, for as long as the guard's word needs. */
async function watch(session: Session, { line }: Tried, folder: string): Promise<{ shown: Shown; beats: number }> {
  const region = session.newRegion()
  const flags = ['--region', region, '--progress', 'cpu,io', '--max-age', '16s', '--interval', '20ms']
  const command = [
    '--',
    'sh',
    '-c',
    `cd ${folder} && export HOME=$PWD PATH=/usr/local/bin:/usr/bin:/bin:$PATH && { ${line}; }`,
  ]
  const { child, output } = session.start('unshare', [
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    guardPath(),
    ...flags,
    ...command,
  ])
  let [printed, guard] = [0, 0]
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (printed += data.length))
  try {
    await sleep(settledMs)
    guard = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim())
    const [tasks, before, bytes, beats, at] = [
      await lastTask(session, guard),
      usageBelow(guard),
      printed,
      beatsOf(region),
      performance.now(),
    ]
    await sleep(watchedMs)
    const [after, seconds] = [usageBelow(guard), (performance.now() - at) / 1000]
    // What a process that ended took along makes a sum fall.
    const each = (key: keyof typeof before) => Math.max(0, after[key] - before[key]) / seconds
    const shown: Shown = {
      ...{ cpuMs: each('cpuMs'), rchar: each('rchar'), wchar: each('wchar'), readBytes: each('readBytes') },
      ...{ writeBytes: each('writeBytes'), output: (printed - bytes) / seconds },
      tasks: ((await lastTask(session, guard)) - tasks - 2) / seconds, // two of them were ours
    }
    return { shown, beats: beatsOf(region) - beats }
  } finally {
    // It is PID 1 of its namespace: all go with it, and unshare ends by itself.
    if (guard !== 0) process.kill(guard, 'SIGKILL')
    await output.catch(() => {})
  }
}

function bytes(count: number): string {
  return count < 1000
    ? `${Math.round(count)}`
    : count < 1e6
      ? `${Math.round(count / 1000)} k`
      : `${(count / 1e6).toFixed(1)} M`
}

/** `--only progress`: what real programs show in a second, and what the guard says of them; the table of docs/guard.md. */
export async function progress(session: Session): Promise<Row[]> {
  const folder = session.temporaryFile('progress')
  mkdirSync(folder)
  await prepare(session, folder)
  const server = createServer((request, response) => {
    if (request.url !== '/slow') return response.writeHead(404).end('not found')
    const more = setInterval(() => response.write(Buffer.alloc(10_000)), 100)
    return response.on('close', () => clearInterval(more))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const wrong: string[] = []
  let count = 0
  console.log(
    '| program | CPU ms | read | written | from disk | to disk | new tasks | output | verdict |\n|---|---|---|---|---|---|---|---|---|',
  )
  for (const tried of triedIn(folder, port)) {
    const missing = (tried.needs ?? []).find((program) => !isThere(program))
    if (missing !== undefined) {
      console.error(`bench: progress: left out ${tried.what}: there is no ${missing}`)
      continue
    }
    const { shown, beats } = await watch(session, tried, folder)
    const verdict = beats > 0 ? 'progress' : 'silence'
    count++
    if (verdict !== tried.expects) wrong.push(tried.what)
    const { cpuMs, rchar, wchar, readBytes, writeBytes, tasks, output } = shown
    const figures = [
      Math.round(cpuMs),
      ...[rchar, wchar, readBytes, writeBytes].map(bytes),
      Math.round(tasks),
      bytes(output),
    ]
    console.log(`| ${[tried.what, ...figures, verdict].join(' | ')} |`)
  }
  server.close()
  return [
    {
      what: 'programs that the guard takes for what they do',
      measured: `${count - wrong.length} of ${count}`,
      bar: { text: 'all', reached: wrong.length === 0 },
      figures: wrong.join(', '),
    },
  ]
}
