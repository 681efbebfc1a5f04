import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { guardPath } from 'shm-liveness'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { type Data, data, exitOf, flags, killedAfterTests, megabyte, readBy, start } from '../support/guard-output.js'
import { marked } from '../support/left-behind.js'
import { probe } from '../support/probe.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

const folder = mkdtempSync(join(tmpdir(), 'output-'))
let a: Data
let b: Data
beforeAll(() => {
  // Many times what all pipes on the way hold together.
  a = data(join(folder, 'a'), 12 * megabyte)
  b = data(join(folder, 'b'), 12 * megabyte)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function sumOf(stream: Readable): Promise<string> {
  const sum = createHash('sha256')
  for await (const part of stream) sum.update(part)
  return sum.digest('hex')
}

/** Both files at once, each on a stream of its own. */
const both = () => ['sh', '-c', 'cat "$0" & cat "$1" >&2 & wait', a.path, b.path]

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
    const args = ['-c', line, 'sh', guardPath(), ...flags(), ...both()]
    const child = killedAfterTests(spawn('sh', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }))
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
    const child = killedAfterTests(spawn('sh', ['-c', line, log, guardPath(), ...args], { stdio: 'ignore' }))
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
