import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { between, read, sh } from '../support/steps.js'

const folder = mkdtempSync(join(tmpdir(), 'steps-marks-'))
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const nonce = 'secret-nonce-42'
/** What runc leaves to root by default. */
const defaultCapabilities = [
  ...['chown', 'dac_override', 'fsetid', 'fowner', 'mknod', 'net_raw', 'setgid', 'setuid', 'setfcap', 'setpcap'],
  ...['net_bind_service', 'sys_chroot', 'kill', 'audit_write'],
].map((name) => `,+${name}`)
/** As in a container: without rights, and as its root. */
const users = {
  'a user without rights': ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--bounding-set', '-all'],
  'a root of a container': ['--bounding-set', `-all${defaultCapabilities.join('')}`, '--inh-caps', '-all'],
}
const canChangeUser = spawnSync('setpriv', ['--reuid', '65534', '--clear-groups', 'true']).status === 0
if (!canChangeUser) console.warn('skipped: the steps of another user, which need root and setpriv')

let files = 0
/** What a step of that user prints; its parent is the guard. */
async function asked(user: string[], line: string): Promise<string> {
  const file = join(folder, `${++files}.json`)
  writeFileSync(file, JSON.stringify({ steps: [sh('spy', line)] }))
  const flags = ['--region', uniqueRegion(), '--nonce', nonce, '--steps', file]
  const result = await guard(flags, { wrapper: ['setpriv', ...user], env: marked })
  const bytes = Buffer.from(result.stdout)
  expect([result.code, result.stderr, read(bytes).nonce]).toEqual([0, '', nonce])
  return between({ ...result, bytes, ...read(bytes) }, 1).toString()
}

const ctypes = (call: string) =>
  `${python.join(' ')} -c 'import ctypes, os; print(ctypes.CDLL(None, use_errno=True).${call}, ctypes.get_errno())'`
const iovec = (address: string) => `(ctypes.c_size_t * 2)(${address}, 8), 1`
const room = 'ctypes.addressof(ctypes.create_string_buffer(8))'

describe.runIf(canChangeUser).each(Object.entries(users))('a step of %s', (_name, user) => {
  it('finds no nonce in the command line of the guard', async () => {
    const words = (await asked(user, "tr '\\0' ' ' < /proc/$PPID/cmdline")).trim()
    expect(words).toContain('--nonce ***************')
    expect(words).toContain('--steps /')
    expect(words).not.toContain(nonce)
  })

  it.each([
    ['its environment', 'cat /proc/$PPID/environ'],
    ['its memory', 'head -c1 /proc/$PPID/mem'],
    ['its descriptors', 'readlink -v /proc/$PPID/fd/0'],
    ['its system calls', 'cat /proc/$PPID/syscall'],
    ['the log past the guard', 'echo forged > /proc/$PPID/fd/1'],
  ])('has no right to %s', async (_what, line) => {
    const said = await asked(user, `(${line}) 2>&1 && echo done || :`)
    expect(said).toMatch(/permission denied|not permitted/i)
    expect(said).not.toContain('done')
  })

  it.each([
    ['trace it', 'ptrace(16, os.getppid(), None, None)'],
    ['read it by process_vm_readv', `process_vm_readv(os.getppid(), ${iovec(room)}, ${iovec('0x400000')}, 0)`],
    ['take a descriptor of it', 'syscall(438, os.pidfd_open(os.getppid()), 1, 0)'],
  ])('may not %s', async (_what, call) => {
    expect(await asked(user, `exec ${ctypes(call)}`)).toBe('-1 1\n')
  })

  it('is itself as it would be without a guard: its user may look at it', async () => {
    expect(
      await asked(user, `${ctypes('prctl(3, 0, 0, 0, 0)')}; sh -c 'ls /proc/$PPID/fd/ > /dev/null && echo seen'`),
    ).toBe('1 0\nseen\n')
  })
})
