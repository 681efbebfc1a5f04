import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectWritable } from '../../../examples/kata-build-runner/cli/flags.js'
import { writeResult } from '../../../examples/kata-build-runner/report/result-file.js'
import { SimulatedClock } from '../../support/simulated-clock.js'
import { result } from './results.js'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'result-place-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const at = (name: string) => join(directory, name)
const flags = (path: string) => ({ config: '', patience: 1, result: path })
const isRoot = process.getuid?.() === 0

async function written(path: string): Promise<void> {
  await expectWritable(flags(path))
  await writeResult(path, result())
}

describe('a result that goes', () => {
  it('over symbolic links to a file replaces the file, and keeps the links and its mode', async () => {
    await writeFile(at('target'), 'old')
    await chmod(at('target'), 0o640)
    await symlink('target', at('link'))
    await symlink(at('link'), at('second'))
    await written(at('second'))
    expect(JSON.parse(await readFile(at('target'), 'utf8'))).toEqual(result())
    expect((await lstat(at('second'))).isSymbolicLink() && (await lstat(at('link'))).isSymbolicLink()).toBe(true)
    expect((await stat(at('target'))).mode & 0o777).toBe(0o640)
  })

  it('over a link to nothing makes the file that it leads to', async () => {
    await symlink('new', at('link'))
    await written(at('link'))
    expect(JSON.parse(await readFile(at('new'), 'utf8'))).toEqual(result())
    expect((await lstat(at('link'))).isSymbolicLink()).toBe(true)
  })

  it('in a circle of links is an error', async () => {
    await symlink('b', at('a'))
    await symlink('a', at('b'))
    await expect(expectWritable(flags(at('a')))).rejects.toMatchObject({ code: 'RESULT_FILE' })
  })

  it('into a FIFO is read from it, whole, and the FIFO stays', async () => {
    execFileSync('mkfifo', [at('fifo')])
    const steps = Array.from({ length: 5000 }, (_, index) => ({ number: index + 1, name: 'x', outcome: 'exited' }))
    const reader = spawn('cat', [at('fifo')], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    reader.stdout.on('data', (data) => {
      text += data
    })
    await expectWritable(flags(at('fifo')))
    await Promise.all([once(reader, 'close'), writeResult(at('fifo'), result({ steps }))])
    expect(JSON.parse(text).steps).toHaveLength(5000)
    expect((await stat(at('fifo'))).isFIFO()).toBe(true)
  })

  it('into a FIFO that nobody reads is an error, and no wait without end', async () => {
    execFileSync('mkfifo', [at('fifo')])
    const clock = new SimulatedClock()
    const failed = expect(writeResult(at('fifo'), result(), clock)).rejects.toThrow('nobody has opened it for reading')
    let isOver = false
    void failed.then(() => {
      isOver = true
    })
    await clock.until('the error', () => isOver)
    await failed
  })

  it.skipIf(!isRoot)('into a device leaves the device', async () => {
    execFileSync('mknod', [at('null'), 'c', '1', '3'])
    await written(at('null'))
    expect((await stat(at('null'))).isCharacterDevice()).toBe(true)
  })

  // By links of its own: a test of code that is wrong must not replace what is in /dev.
  it('over a link to a device leaves both', async () => {
    await symlink('/dev/null', at('null'))
    await written(at('null'))
    expect((await lstat(at('null'))).isSymbolicLink()).toBe(true)
    expect((await stat(at('null'))).isCharacterDevice()).toBe(true)
  })

  it('to the file that is the own output is added to it, which is not replaced', async () => {
    await symlink('/proc/self/fd/1', at('stdout'))
    const module = new URL('../../../dist-programs/examples/kata-build-runner/report/result-file.js', import.meta.url)
    const program = `import { writeResult } from ${JSON.stringify(module)}
      process.stdout.write('output\\n')
      await writeResult(${JSON.stringify(at('stdout'))}, [])
      process.stdout.write('more\\n')`
    await writeFile(at('program.mjs'), program)
    execFileSync('sh', ['-c', `${process.execPath} ${at('program.mjs')} > ${at('out')}`])
    expect(await readFile(at('out'), 'utf8')).toBe('output\n[]\nmore\n')
  })

  it('into a directory is an error before anything is launched', async () => {
    await expect(expectWritable(flags(directory))).rejects.toMatchObject({ code: 'RESULT_FILE' })
  })
})
