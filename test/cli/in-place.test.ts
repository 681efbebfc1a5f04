/** What `wire --in-place` keeps of a file. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const isRoot = process.getuid?.() === 0
const root = mkdtempSync(join(tmpdir(), 'shm-liveness-in-place-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const pod = 'kind: Pod\nspec:\n  containers:\n  - name: camera\n'
const wired = (await shmLiveness(['wire'], pod)).stdout

let folder: string
let file: string
let count = 0
beforeEach(() => {
  folder = join(root, String(++count))
  mkdirSync(folder)
  file = join(folder, 'pod.yaml')
  writeFileSync(file, pod)
})

async function expectWired(path = file): Promise<void> {
  expect(await shmLiveness(['wire', '--in-place', path])).toMatchObject({ code: 0, stdout: '' })
  expect(readFileSync(file, 'utf8')).toBe(wired)
}

describe('wire --in-place', () => {
  it('keeps hard links', async () => {
    const other = join(folder, 'other.yaml')
    linkSync(file, other)
    await expectWired()
    expect(readFileSync(other, 'utf8')).toBe(wired)
    expect(statSync(other).ino).toBe(statSync(file).ino)
    expect(readdirSync(folder).sort()).toEqual(['other.yaml', 'pod.yaml'])
  })

  it('keeps the mode, set-user-ID included, and symbolic links', async () => {
    chmodSync(file, 0o4640)
    const link = join(folder, 'link.yaml')
    symlinkSync('pod.yaml', link)
    await expectWired(link)
    expect(statSync(file).mode & 0o7777).toBe(0o4640)
    expect(readdirSync(folder).sort()).toEqual(['link.yaml', 'pod.yaml'])
  })

  it.runIf(isRoot)('keeps the owner and the group', async () => {
    chownSync(file, 65531, 65530)
    await expectWired()
    expect(statSync(file)).toMatchObject({ uid: 65531, gid: 65530 })
  })

  it.runIf(isRoot)('writes over a file that is mounted by itself, which no other can take the place of', async () => {
    const script = 'mount --bind "$1" "$1" && exec "$2" "$3" wire --in-place "$1"'
    const main = join(import.meta.dirname, '../../dist/cli/main.js')
    const done = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', file, process.execPath, main], {
      encoding: 'utf8',
    })
    expect(done).toMatchObject({ status: 0, stdout: '' })
    expect(readFileSync(file, 'utf8')).toBe(wired)
    expect(readdirSync(folder)).toEqual(['pod.yaml'])
  })

  it.runIf(isRoot)("writes over another user's file, where the group may write", async () => {
    chownSync(folder, 65531, 65530)
    chownSync(file, 65531, 65530)
    chmodSync(root, 0o755)
    chmodSync(folder, 0o775)
    chmodSync(file, 0o664)
    const main = join(import.meta.dirname, '../../dist/cli/main.js')
    const done = spawnSync(process.execPath, [main, 'wire', '--in-place', file], {
      uid: 65529,
      gid: 65530,
      encoding: 'utf8',
    })
    expect(done).toMatchObject({ status: 0, stdout: '' })
    expect(readFileSync(file, 'utf8')).toBe(wired)
    expect(statSync(file)).toMatchObject({ uid: 65531, gid: 65530 })
    expect(readdirSync(folder)).toEqual(['pod.yaml'])
  })

  it('refuses what is no regular file, and leaves it alone', async () => {
    const fifo = join(folder, 'fifo')
    spawnSync('mkfifo', [fifo])
    const main = join(import.meta.dirname, '../../dist/cli/main.js')
    const script = 'printf "%s" "$POD" > "$1" & "$2" "$3" wire --in-place "$1"'
    const done = spawnSync('sh', ['-c', script, 'sh', fifo, process.execPath, main], {
      encoding: 'utf8',
      env: { ...process.env, POD: pod },
    })
    expect(done.status).toBe(3)
    expect(done.stderr).toContain(`${fifo}: cannot be written: it is not a regular file`)
    expect(statSync(fifo).isFIFO()).toBe(true)
  })
})
