import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { data, exitOf, flags, megabyte, readBy, readOf, start } from '../support/guard-output.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { until, untilHolds } from '../support/until.js'

const folder = mkdtempSync(join(tmpdir(), 'output-readers-'))
const small = data(join(folder, 'small'), 4 * megabyte)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

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
    expect(await readOf({ chunk: 100, most: 100 }, ['sh', '-c', 'yes; exit $?'])).toMatchObject({ code: 141 })
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
    const sum = data(join(folder, 'later'), 1_500_000)
    const path = join(folder, 'later-fifo')
    const line =
      'mkfifo "$0"; { sleep 0.3; sha256sum; } <"$0" & exec 3>"$0"; "$@" >&3 3>&-; echo "code $?"; exec 3>&-; wait'
    const program = Program.run('sh', ['-c', line, path, guardPath(), ...flags(), 'cat', sum.path])
    await program.ended
    expect(program.lines.sort()).toEqual([`${sum.sha256}  -`, 'code 0'].sort())
  })
})
