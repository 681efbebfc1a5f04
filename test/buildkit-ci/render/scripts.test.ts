/** The few lines of shell that manifests have, run by a real shell. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatContainer } from '../../../examples/buildkit-ci/render/daemon/containers.js'
import { devicePath } from '../../../examples/buildkit-ci/render/daemon/paths.js'
import { checkOnceContainer } from '../../../examples/buildkit-ci/render/emulation/binfmt.js'
import { configOf } from '../config/samples.js'

const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-scripts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
const run = (script: string) => spawnSync('/bin/sh', ['-ec', script], { encoding: 'utf8', env })
const tools = ['blkid', 'mkfs.ext4']
const missing = tools.filter((tool) => run(`command -v ${tool}`).status !== 0)
if (missing.length > 0)
  process.stderr.write(`skipped: formatting a device, without ${missing.join(' and ')} (e2fsprogs)\n`)

describe('the check of emulators', () => {
  const binfmt = join(folder, 'binfmt')
  mkdirSync(binfmt)
  const register = (...names: string[]) => {
    for (const name of names) writeFileSync(join(binfmt, name), '')
  }
  register('register')
  /** On a node of this machine. */
  const check = (architectures: string[], machine: string) => {
    const script = checkOnceContainer(configOf({ binfmt: { architectures } }).binfmt!).command!.at(-1)!
    return run(`uname() { echo ${machine}; }; ${script.replaceAll('/proc/sys/fs/binfmt_misc', binfmt)}`)
  }

  it('names the one that is missing, and passes once all are there', () => {
    register('qemu-aarch64')
    const missing = { status: 1, stdout: `not registered: ${binfmt}/qemu-arm\n` }
    expect(check(['arm64', 'arm'], 'x86_64')).toMatchObject(missing)
    register('qemu-arm')
    expect(check(['arm64', 'arm'], 'x86_64')).toMatchObject({ status: 0, stdout: '' })
  })

  it('asks for the names that the installer registers', () => {
    const emulators = ['x86_64', 'i386', 'riscv64', 'ppc64le', 's390x', 'mips64', 'mips64el', 'loongarch64']
    register(...emulators.map((name) => `qemu-${name}`))
    const all = ['amd64', '386', 'riscv64', 'ppc64le', 's390x', 'mips64', 'mips64le', 'loong64']
    expect(check(all, 'aarch64')).toMatchObject({ status: 0, stdout: '' })
  })

  it.each([
    ['x86_64', 'amd64'],
    ['aarch64', 'arm64'],
    ['armv7l', 'arm'],
    ['i686', '386'],
    ['riscv64', 'riscv64'],
  ])("does not ask a node of %s for an emulator of itself, which the installer's image lacks", (machine, own) => {
    for (const name of readdirSync(binfmt)) if (name !== 'register') rmSync(join(binfmt, name))
    expect(check([own], machine)).toMatchObject({ status: 0, stdout: '' })
    expect(check([own, 's390x'], machine)).toMatchObject({ status: 1, stdout: expect.stringContaining('qemu-s390x') })
  })
})

describe.skipIf(missing.length > 0)('the init container that formats a device', () => {
  const device = join(folder, 'device')
  const script = formatContainer(configOf()).command!.at(-1)!.replaceAll(devicePath, device)
  const uuid = (): string => run(`blkid -p -s UUID -o value ${device}`).stdout

  it('makes a file system on an empty one, and leaves one that has any', () => {
    writeFileSync(device, '')
    truncateSync(device, 64 * 2 ** 20)
    expect(run(script)).toMatchObject({ status: 0 })
    const first = uuid()
    expect(first).not.toBe('')
    expect(run(script)).toMatchObject({ status: 0 })
    expect(uuid()).toBe(first)
  })

  it('fails where the device cannot be read, and makes nothing', () => {
    rmSync(device, { force: true })
    expect(run(script).status).not.toBe(0)
  })
})
