/** The few lines of shell that manifests have, run by a real shell. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
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
  const config = configOf({ binfmt: { architectures: ['arm64', 'arm'] } })
  const script = checkOnceContainer(config.binfmt!)
    .command!.at(-1)!
    .replaceAll('/proc/sys/fs/binfmt_misc', join(folder, 'binfmt'))

  it('names the one that is missing, and passes once all are there', () => {
    mkdirSync(join(folder, 'binfmt'))
    for (const name of ['register', 'qemu-aarch64']) writeFileSync(join(folder, 'binfmt', name), '')
    expect(run(script)).toMatchObject({ status: 1, stdout: `not registered: ${join(folder, 'binfmt')}/qemu-arm\n` })
    writeFileSync(join(folder, 'binfmt/qemu-arm'), '')
    expect(run(script)).toMatchObject({ status: 0, stdout: '' })
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
