import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { guardPath } from 'shm-liveness'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { afterTests } from '../support/after-tests.js'
import { guard } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const reader = join(import.meta.dirname, '../fixtures/guard_reader.py')
const folder = mkdtempSync(join(tmpdir(), 'output-'))
const megabyte = 1_000_000

/** Random bytes in a file, and their digest. */
interface Data {
  path: string
  sha256: string
  bytes: number
}
function data(name: string, bytes: number): Data {
  const path = join(folder, name)
  const sum = createHash('sha256')
  const fd = openSync(path, 'w')
  for (let left = bytes; left > 0; ) {
    const part = randomBytes(Math.min(left, 4 * megabyte))
    sum.update(part)
    writeSync(fd, part)
    left -= part.length
  }
  closeSync(fd)
  return { path, sha256: sum.digest('hex'), bytes }
}

let a: Data
let b: Data
let small: Data
beforeAll(() => {
  // Many times what all pipes on the way hold together.
  a = data('a', 12 * megabyte)
  b = data('b', 12 * megabyte)
  small = data('small', 4 * megabyte)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function sumOf(stream: Readable): Promise<string> {
  const sum = createHash('sha256')
  for await (const part of stream) sum.update(part)
  return sum.digest('hex')
}

const flags = (...more: string[]) => ['--region', uniqueRegion(), '--progress', 'output', ...more, '--']
/** Both files at once, each on a stream of its own. */
const both = () => ['sh', '-c', 'cat "$0" & cat "$1" >&2 & wait', a.path, b.path]

const running = new Set<ChildProcess>()
afterTests(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})
function start(args: string[], stdio: ('pipe' | 'ignore' | number)[]): ChildProcess {
  const child = spawn(guardPath(), args, { stdio, env: { ...process.env, ...marked } })
  running.add(child)
  return child
}
async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

interface Read {
  bytes: number
  sha256: string
  code: number
}
/** By guard_reader.py. */
async function readBy(
  { target = 'pipe', chunk = 65_536, pauseS = 0, most = 0 },
  command: string[],
  args = flags(),
): Promise<Read> {
  const how = [target, String(chunk), String(pauseS), String(most)]
  const program = Program.run(python[0], [...python.slice(1), reader, ...how, guardPath(), ...args, ...command], marked)
  return JSON.parse(await program.said('')) as Read
}

describe.concurrent('many megabytes on both streams', () => {
  it('reach sockets as they were', async () => {
    const child = start([...flags(), ...both()], ['ignore', 'pipe', 'pipe'])
    const sums = Promise.all([sumOf(child.stdout as Readable), sumOf(child.stderr as Readable)])
    expect(await exitOf(child)).toBe(0)
    expect(await sums).toEqual([a.sha256, b.sha256])
  })

  it('reach pipes as they were', async () => {
    const line = [
      'mkfifo out err; sha256sum <out >sum-out & sha256sum <err >sum-err &',
      '"$@" >out 2>err; echo $?; wait; cat sum-out sum-err; rm out err sum-out sum-err',
    ].join('\n')
    const child = spawn('sh', ['-c', line, 'sh', guardPath(), ...flags(), ...both()], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.add(child)
    let stdout = ''
    for await (const part of child.stdout) stdout += part
    expect(stdout).toBe(`0\n${a.sha256}  -\n${b.sha256}  -\n`)
  })

  it('reach files as they were', async () => {
    const paths = [join(folder, 'file-out'), join(folder, 'file-err')]
    const fds = paths.map((path) => openSync(path, 'w'))
    const child = start([...flags(), ...both()], ['ignore', ...fds])
    expect(await exitOf(child)).toBe(0)
    for (const fd of fds) closeSync(fd)
    expect(await Promise.all(paths.map((path) => sumOf(createReadStream(path))))).toEqual([a.sha256, b.sha256])
  })
})

describe.concurrent('a slow reader', () => {
  it.each(['pipe', 'socket', 'pty'])('of a %s loses nothing', async (target) => {
    const read = await readBy({ target, pauseS: target === 'pty' ? 0 : 0.002 }, ['cat', small.path])
    expect(read).toEqual({ bytes: small.bytes, sha256: small.sha256, code: 0 })
  })

  it('of a pipe loses nothing of what the command had written when it ended', async () => {
    const written = ['dd', 'if=/dev/zero', 'bs=200000', 'count=1', 'status=none']
    const read = await readBy({ chunk: 4_096, pauseS: 0.004 }, written)
    expect(read).toMatchObject({ bytes: 200_000, code: 0 })
  })
})

describe.concurrent('a reader that goes away', () => {
  it.each(['pipe', 'socket'])('of a %s ends the command by SIGPIPE', async (target) => {
    expect(await readBy({ target, chunk: 100, most: 100 }, ['sh', '-c', 'yes; exit $?'])).toMatchObject({ code: 141 })
  })

  it('of a pipe ends it as without the guard', async () => {
    const program = Program.run(python[0], [
      ...python.slice(1),
      reader,
      'pipe',
      '100',
      '0',
      '100',
      'sh',
      '-c',
      'yes; exit $?',
    ])
    expect(JSON.parse(await program.said(''))).toMatchObject({ code: 141 })
  })

  it('is an error to a command that ignores SIGPIPE', async () => {
    const writes = `import signal, os, sys
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try:
    while True: os.write(1, b"x" * 65536)
except BrokenPipeError: sys.exit(77)`
    expect(await readBy({ most: 100 }, [...python, '-c', writes])).toMatchObject({ code: 77 })
  })

  it('of one stream leaves the other alone', async () => {
    const child = start([...flags(), 'sh', '-c', 'read go; (echo one); echo two >&2; exit 5'], ['pipe', 'pipe', 'pipe'])
    child.stdout?.destroy()
    child.stdin?.end('go\n')
    let stderr = ''
    for await (const part of child.stderr as Readable) stderr += part
    expect(stderr).toBe('two\n')
    expect(await exitOf(child)).toBe(5)
  })

  it('does not stop the watch', async () => {
    const quick = flags('--max-age', '200ms', '--interval', '10ms', '--grace', '1s')
    const child = start([...quick, 'sh', '-c', "trap '' PIPE; echo a; exec sleep 60"], ['ignore', 'pipe', 'pipe'])
    child.stdout?.destroy()
    expect(await exitOf(child)).toBe(120)
  })
})

describe.concurrent('a reader that does not read', () => {
  const quick = () => flags('--max-age', '300ms', '--interval', '10ms', '--grace', '500ms')
  const floods = ['sh', '-c', 'head -c 5000000 /dev/zero; exec sleep 60']

  /** A FIFO with a reader that holds it open only. */
  async function stuck(command: string[], args: string[]): Promise<{ child: ChildProcess; read: number }> {
    const path = join(folder, `fifo-${randomBytes(4).toString('hex')}`)
    await once(spawn('mkfifo', [path]), 'exit')
    const read = openSync(path, 'r+')
    const write = openSync(path, 'w')
    const child = start([...args, ...command], ['ignore', write, 'pipe'])
    closeSync(write)
    return { child, read }
  }
  const said = (child: ChildProcess) => {
    let text = ''
    child.stderr?.on('data', (part) => (text += part))
    return () => text
  }

  it('does not stop the watch', async () => {
    const { child, read } = await stuck(floods, quick())
    const stderr = said(child)
    const text = await untilHolds('the stall is reported', stderr, (text) => text.includes('stalled'))
    expect(text).toMatch(/^shm-guard: stalled: main last beat \S+ ago \(limit 300ms\)/)
    closeSync(read)
  })

  it('does not keep a command from its end that has written forty short lines', async () => {
    // Each line is passed on before the next one is written.
    const lines = ['sh', '-c', 'for i in $(seq 40); do echo "line $i"; sleep 0.01; done']
    const { child, read } = await stuck(lines, flags())
    expect(await exitOf(child)).toBe(0)
    const room = Buffer.alloc(4096)
    const text = room.toString('latin1', 0, readSync(read, room))
    expect(text).toBe(Array.from({ length: 40 }, (_, i) => `line ${i + 1}\n`).join(''))
    closeSync(read)
  })

  it('does not keep the guard when it is told to stop', async () => {
    const writes = ['sh', '-c', 'head -c 900000 /dev/zero; echo written >&2']
    const { child, read } = await stuck(writes, flags('--grace', '200ms'))
    const stderr = said(child)
    await until('the command has written all', () => stderr().includes('written'))
    // What it wrote is then stuck between the guard and the reader.
    const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1')
    await untilHolds('the command has ended', children, (pids) => pids === '')
    expect(child.exitCode).toBeNull()
    child.kill('SIGTERM')
    await until('the guard has ended', () => child.exitCode !== null)
    closeSync(read)
  })

  it('finds everything once it reads again, and the guard waits for that', async () => {
    const sum = data('later', 1_500_000)
    const path = join(folder, 'later-fifo')
    const line =
      'mkfifo "$0"; { sleep 0.3; sha256sum; } <"$0" & exec 3>"$0"; "$@" >&3 3>&-; echo "code $?"; exec 3>&-; wait'
    const program = Program.run('sh', ['-c', line, path, guardPath(), ...flags(), 'cat', sum.path])
    await program.ended
    expect(program.lines.sort()).toEqual([`${sum.sha256}  -`, 'code 0'].sort())
  })
})

describe.concurrent('the output', () => {
  it('is appended to a file that is open for appending', async () => {
    const path = join(folder, 'append')
    writeFileSync(path, 'before\n')
    const fd = openSync(path, 'a')
    const child = start([...flags(), 'sh', '-c', 'echo one; echo two >&2; echo three'], ['ignore', fd, fd])
    expect(await exitOf(child)).toBe(0)
    closeSync(fd)
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines[0]).toBe('before')
    expect(lines.slice(1).sort()).toEqual(['', 'one', 'three', 'two'])
  })

  it('follows in a file what others write there by the same descriptor', async () => {
    const path = join(folder, 'shared')
    const child = spawn('sh', ['-c', 'echo first; "$@"; echo last', 'sh', guardPath(), ...flags(), 'echo', 'middle'], {
      stdio: ['ignore', openSync(path, 'w'), 'inherit'],
    })
    await once(child, 'exit')
    expect(readFileSync(path, 'utf8')).toBe('first\nmiddle\nlast\n')
  })

  it('may go to /dev/null', async () => {
    const fd = openSync('/dev/null', 'w')
    const child = start([...flags(), ...both()], ['ignore', fd, fd])
    expect(await exitOf(child)).toBe(0)
    closeSync(fd)
  })

  it('reaches a terminal, both streams in one', async () => {
    const read = await readBy({ target: 'pty+err' }, ['sh', '-c', 'echo out; sleep 0.1; echo err >&2'])
    expect(read).toEqual({ bytes: 8, sha256: createHash('sha256').update('out\nerr\n').digest('hex'), code: 0 })
  })

  it.each(['>&-', '2>&-', '>&- 2>&-', '<&- >&- 2>&-'])('may have nowhere to go: %s', async (closed) => {
    const region = uniqueRegion()
    const log = join(folder, `closed ${closed.replaceAll('>', '')}`)
    const inside = `for i in 1 2 3 4; do echo "line $i"; echo "error $i" >&2; sleep 0.02; done; exit 6`
    const line = `"$@" ${closed}; echo "code $?" >"$0"`
    const args = ['--region', region, '--progress', 'output', '--', 'sh', '-c', inside]
    const child = spawn('sh', ['-c', line, log, guardPath(), ...args], { stdio: ['ignore', 'ignore', 'ignore'] })
    running.add(child)
    await exitOf(child)
    expect(readFileSync(log, 'utf8')).toBe('code 6\n')
    // What was opened in place of a closed stream must not be written to as if it were one.
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ regions: [{ code: 'OK' }], workers: [{ name: 'main' }] })
  })

  it('is passed on byte by byte, while the command waits', async () => {
    const child = start([...flags(), 'cat'], ['pipe', 'pipe', 'inherit'] as ('pipe' | 'ignore')[])
    for (let i = 0; i < 20; i++) {
      child.stdin?.write('x')
      const [part] = (await once(child.stdout as Readable, 'data')) as [Buffer]
      expect(part.toString()).toBe('x')
    }
    child.stdin?.end()
    expect(await exitOf(child)).toBe(0)
  })

  it('of many children has whole lines, those of each in order', async () => {
    const lines = 'for c in $(seq 20); do (for i in $(seq 200); do echo "child $c line $i"; done) & done; wait'
    const result = await guard([...flags(), 'sh', '-c', lines])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const seen = new Map<string, string[]>()
    for (const line of result.stdout.trimEnd().split('\n')) {
      const [, child = '', number = ''] = /^child (\d+) line (\d+)$/.exec(line) ?? [line, 'broken', line]
      seen.set(child, [...(seen.get(child) ?? []), number])
    }
    expect([...seen.keys()].sort((x, y) => Number(x) - Number(y))).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i + 1)),
    )
    const inOrder = Array.from({ length: 200 }, (_, i) => String(i + 1))
    for (const numbers of seen.values()) expect(numbers).toEqual(inOrder)
  })

  it('of a command that closes its streams does not end it, nor the guard', async () => {
    const result = await guard([...flags(), 'sh', '-c', 'echo a; exec >&- 2>&-; sleep 0.1; exit 4'])
    expect(result).toMatchObject({ code: 4, stdout: 'a\n', stderr: '' })
  })

  it('of what a command leaves behind is not waited for', async () => {
    const result = await guard([...flags(), 'sh', '-c', 'echo a; (sleep 120; echo late) & exit 0'], { env: marked })
    expect(result).toMatchObject({ code: 0, stdout: 'a\n' })
  })
})

describe.concurrent('two streams that are one', () => {
  const count = 20_000
  const writes = `import os
for i in range(${count}): os.write(1 + i // 7 % 2, b"%d\\n" % i)`
  const command = [...python, '-c', writes]
  const expected = Array.from({ length: count }, (_, i) => `${i}\n`).join('')

  it.each(['pipe', 'socket', 'pty'])('as a %s are passed on in the order of the writes', async (target) => {
    const sha256 = createHash('sha256').update(expected).digest('hex')
    expect(await readBy({ target: `${target}+err` }, command)).toEqual({ bytes: expected.length, sha256, code: 0 })
  })

  it.each(['w', 'a'])('as a file that is open once, by "%s", are written in the order of the writes', async (mode) => {
    const path = join(folder, `ordered-${mode}`)
    const fd = openSync(path, mode)
    const child = start([...flags(), ...command], ['ignore', fd, fd])
    expect(await exitOf(child)).toBe(0)
    closeSync(fd)
    expect(readFileSync(path, 'utf8') === expected).toBe(true)
  })

  it('only by the name of a file, which is open twice, have a position each', async () => {
    const path = join(folder, 'twice')
    const fds = [openSync(path, 'w'), openSync(path, 'w')]
    const line = 'echo first >&1; until grep -q first "$0"; do sleep 0.01; done; echo 2 >&2'
    const child = start([...flags(), 'sh', '-c', line, path], ['ignore', ...fds])
    expect(await exitOf(child)).toBe(0)
    for (const fd of fds) closeSync(fd)
    expect(readFileSync(path, 'utf8')).toBe('2\nrst\n')
  })
})

it('output that cannot be written is cut off, and the reason is reported', async () => {
  const found = await guard(['--region', uniqueRegion(), '--progress', 'output', '--', 'yes'], {
    wrapper: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'],
  })
  expect(found).toMatchObject({
    code: 141,
    stderr: expect.stringContaining('cannot be written, and is cut off: no space left'),
  })
})
