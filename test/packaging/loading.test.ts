/** Each way in which the addon cannot be loaded has its own code: node is really run in that way. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadErrorCodes } from '../../lib/errors.js'

const root = join(import.meta.dirname, '../..')
const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-load-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const addon = readFileSync(join(root, 'build/Release/shm_liveness.node'))
const isRoot = process.getuid?.() === 0

/** An installed package whose addon has these bytes; undefined: it has none. */
let count = 0
function installed(bytes: Buffer | undefined, { hasDependency = true } = {}): string {
  const folder = join(scratch, String(++count))
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  const dependency = 'node_modules/node-gyp-build'
  if (hasDependency) cpSync(join(root, dependency), join(folder, dependency), { recursive: true })
  mkdirSync(join(folder, 'build/Release'), { recursive: true })
  if (bytes !== undefined) writeFileSync(join(folder, 'build/Release/shm_liveness.node'), bytes)
  return folder
}

interface Loaded {
  code?: string
  message?: string
  cause?: { code?: string; message?: string }
  isLivenessError?: boolean
}

/** @param flags of node */
function load(folder: string, flags: string[] = [], options: object = {}): Loaded {
  const program = join(folder, 'program.mjs')
  writeFileSync(
    program,
    `import { LivenessError, Region, probePath } from './dist/index.js'
    let result = {}
    try {
      process.argv[2] === 'probe-path' ? probePath() : Region.open('no-such-region')
    } catch (error) {
      const { code, message, cause } = error
      result = { code, message, isLivenessError: error instanceof LivenessError }
      if (cause) result.cause = { code: cause.code, message: cause.message }
    }
    console.log(JSON.stringify(result))`,
  )
  const done = spawnSync(process.execPath, [...flags, program], { encoding: 'utf8', env: {}, ...options })
  expect({ status: done.status, signal: done.signal }).toEqual({ status: 0, signal: null })
  return JSON.parse(done.stdout)
}

function changed(change: (bytes: Buffer) => unknown): Buffer {
  const bytes = Buffer.from(addon)
  change(bytes)
  return bytes
}

const replaced = (bytes: Buffer, from: string, to: string): void => {
  const at = bytes.indexOf(`${from}\0`)
  expect([from, at >= 0]).toEqual([from, true])
  bytes.write(to, at)
}

const elfMachineAt = 18

describe('the addon', () => {
  it('is loaded where nothing stands in the way', () => {
    expect(load(installed(addon))).toMatchObject({ code: 'REGION_MISSING', isLivenessError: true })
  })

  it.each<[code: string, what: string, bytes: Buffer | undefined, words: string]>([
    ['NO_BINARY', 'is not there', undefined, 'npx node-gyp rebuild'],
    ['BINARY_FOREIGN', 'is for another machine', changed((bytes) => bytes.writeUInt16LE(183, elfMachineAt)), 'arm64'],
    ['BINARY_FOREIGN', 'is for 32 bits', changed((bytes) => bytes.writeUInt8(1, 4)), '32 bits'],
    ['BINARY_FOREIGN', 'is big-endian', changed((bytes) => bytes.writeUInt8(2, 5)), 'big-endian'],
    [
      'BINARY_FOREIGN',
      'needs a C library of another name',
      changed((bytes) => replaced(bytes, 'libc.so.6', 'libc.so.7')),
      'C library',
    ],
    [
      'BINARY_FOREIGN',
      'needs a C++ library that is not installed',
      changed((bytes) => replaced(bytes, 'libstdc++.so.6', 'libstdc++.so.7')),
      'apk add libstdc++',
    ],
    ['BINARY_BROKEN', 'is empty', Buffer.alloc(0), 'install the package again'],
    ['BINARY_BROKEN', 'is text', Buffer.from('404 Not Found\n'.repeat(99)), 'not an ELF file'],
    ['BINARY_BROKEN', 'has only its header', addon.subarray(0, 100), `it has 100 of `],
    // Mapped as it is, it would end the process with SIGBUS.
    ['BINARY_BROKEN', 'was cut short', addon.subarray(0, addon.length / 2), 'is damaged'],
    [
      'BINARY_BROKEN',
      'is no addon',
      changed((bytes) => replaced(bytes, 'napi_register_module_v1', 'xapi_register_module_v1')),
      'cannot be loaded',
    ],
  ])('has %s, if it %s', (code, _what, bytes, words) => {
    const error = load(installed(bytes))
    expect(error).toMatchObject({ code, isLivenessError: true, message: expect.stringContaining(words) })
  })

  it('has NO_DEPENDENCY, if what finds it is not installed', () => {
    expect(load(installed(addon, { hasDependency: false }))).toMatchObject({
      code: 'NO_DEPENDENCY',
      message: expect.stringContaining('npm install'),
      cause: { code: 'MODULE_NOT_FOUND' },
    })
  })

  it('has ADDONS_DISABLED under --no-addons, with the cause', () => {
    const error = load(installed(addon), ['--no-addons'])
    expect(error).toMatchObject({ code: 'ADDONS_DISABLED', cause: { code: 'ERR_DLOPEN_DISABLED' } })
    expect(error.message).toMatch(/--no-addons.*start it without/)
    expect(error.message).not.toContain('compiler')
  })

  // The flag of Node.js 20; later versions call it --permission.
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'

  it('has PERMISSION_MODEL under the permission model, and works with the flags that it names', () => {
    const folder = installed(addon)
    const flagsOf = ({ message = '' }: Loaded) =>
      [...message.matchAll(/--allow-[\w-]+(?:=\S+)?/g)].map(([flag]) => flag)
    const unread = load(folder, [permission, `--allow-fs-read=${folder}/*`])
    expect(unread).toMatchObject({ code: 'PERMISSION_MODEL', cause: { code: 'ERR_ACCESS_DENIED' } })
    expect(load(folder, [permission, ...flagsOf(unread)])).toMatchObject({ code: 'REGION_MISSING' })
    const withoutAddons = flagsOf(unread).filter((flag) => flag !== '--allow-addons')
    const unloaded = load(folder, [permission, ...withoutAddons])
    expect(unloaded).toMatchObject({ code: 'PERMISSION_MODEL', cause: { code: 'ERR_DLOPEN_DISABLED' } })
    expect(flagsOf(unloaded)).toContain('--allow-addons')
  })

  it('has PERMISSION_MODEL, not NO_BINARY, where its files may not be read', () => {
    const folder = installed(addon)
    const readable = ['dist', 'node_modules', 'package.json', 'program.mjs'].map((name) => join(folder, name))
    const flags = [
      permission,
      '--allow-addons',
      '--allow-fs-read=/etc/alpine-release',
      ...readable.map((path) => `--allow-fs-read=${path}`),
    ]
    writeFileSync(join(folder, 'build/Release/shm-probe'), '')
    expect(load(folder, flags)).toMatchObject({ code: 'PERMISSION_MODEL' })
    const program = join(folder, 'program.mjs')
    const done = spawnSync(process.execPath, [...flags, program, 'probe-path'], { encoding: 'utf8', env: {} })
    expect(JSON.parse(done.stdout)).toMatchObject({ code: 'PERMISSION_MODEL' })
  })

  it.runIf(isRoot)('has BINARY_REFUSED on a noexec file system, and where it may not be read', () => {
    const folder = installed(addon)
    load(folder)
    const script = 'mount -t tmpfs -o noexec tmpfs "$1" && cp "$2" "$1" && exec "$3" "$4"'
    const args = [join(folder, 'build/Release'), join(root, 'build/Release/shm_liveness.node'), process.execPath]
    const mounted = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...args, join(folder, 'program.mjs')], {
      encoding: 'utf8',
    })
    expect(JSON.parse(mounted.stdout)).toMatchObject({
      code: 'BINARY_REFUSED',
      message: expect.stringContaining('noexec'),
    })
    spawnSync('chmod', ['-R', 'a+rX', scratch])
    spawnSync('chmod', ['0', join(folder, 'build/Release/shm_liveness.node')])
    const unread = spawnSync(process.execPath, [join(folder, 'program.mjs')], { uid: 65531, encoding: 'utf8', env: {} })
    expect(JSON.parse(unread.stdout)).toMatchObject({ code: 'BINARY_REFUSED', cause: { code: 'EACCES' } })
  })

  it('has BINARY_FOREIGN, if it needs a function that this C library has not', () => {
    const source = join(scratch, 'foreign.c')
    writeFileSync(
      source,
      'extern int of_another_libc(void); int napi_register_module_v1(void) { return of_another_libc(); }\n',
    )
    const built = spawnSync('cc', ['-shared', '-fPIC', '-Wl,-z,now', '-o', join(scratch, 'foreign.node'), source])
    expect(built.status).toBe(0)
    const error = load(installed(readFileSync(join(scratch, 'foreign.node'))))
    expect(error).toMatchObject({ code: 'BINARY_FOREIGN', cause: { code: 'ERR_DLOPEN_FAILED' } })
    expect(error.message).toContain('of_another_libc')
  })

  it('has a row in the README for each code', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    for (const code of loadErrorCodes) expect(readme).toMatch(new RegExp(`^\\|.*\`${code}\`.*\\|`, 'm'))
  })
})
