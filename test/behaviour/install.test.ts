import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { probePath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { regionsForFlags } from '../support/ask.js'
import { mounted } from '../support/mounted.js'
import { probe } from '../support/probe.js'

const { dir, disk } = regionsForFlags()
const nobody = { uid: 65534, gid: 65534 }
describe('--self-test', () => {
  it('passes, as root and as another user, and leaves nothing', async () => {
    for (const user of [{}, nobody]) {
      expect(await probe(['--self-test'], user)).toMatchObject({ code: 0, stdout: expect.stringMatching(/passed\n$/) })
    }
    expect(readdirSync('/dev/shm').filter((entry) => entry.includes('self-test'))).toEqual([])
  })

  it('fails with the reason where no region can be: no directory, not ours, read-only, full, a disk', async () => {
    const fails = async (where: string, code: string, user = {}) => {
      const answer = await probe(['--self-test', '--dir', where], user)
      expect(answer).toMatchObject({ code: 3, stdout: '' })
      const reason = `shm-probe: self-test: could not claim a slot in shared memory: \\[(${code})\\](, errno \\d+)? in /`
      expect(answer.stderr).toMatch(new RegExp(`^${reason}`))
    }
    await fails('/nowhere', 'REGION_MISSING')
    await fails(dir, 'REGION_ACCESS', nobody)
    await fails(disk, 'REGION_NOT_TMPFS')
    await mounted(['-o', 'ro'], (where) => fails(where, 'REGION_ACCESS|SYSTEM'))
    await mounted(['-o', 'size=4k'], async (where) => {
      writeFileSync(join(where, 'full'), 'x')
      await fails(where, 'NO_SPACE')
    })
  })
})

describe('--install', () => {
  const install = (into: string, options = {}) => probe(['--install', into], options)

  it('copies an executable of mode 0755, whatever the umask, over running copies, and whole at any moment', async () => {
    const into = mkdtempSync(join(disk, 'into-'))
    const strict = ['sh', '-c', 'umask 077; exec "$@"', 'sh']
    const done = await install(into, { wrapper: strict })
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('passed') })
    const copy = join(into, 'shm-probe')
    expect(statSync(copy).mode & 0o7777).toBe(0o755)
    const run = promisify(execFile)
    const running = run(copy, ['--dir', dir, '--region', 'old', '--confirm', '1s']).catch((error) => error)
    const slowly = ['strace', '-f', '-o', '/dev/null', '-e', 'inject=write:delay_enter=200000']
    const installing = install(into, { wrapper: slowly })
    for (let i = 0; i < 50; i++) await run(copy, ['--version']) // rejects, were it not there or not whole
    expect(await installing).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(into).sort()).toEqual(['shm-guard', 'shm-probe'])
    expect(readFileSync(copy).equals(readFileSync(probePath()))).toBe(true)
    expect((await running).code).toBe(1)
  })

  it('fails with the reason where it cannot', async () => {
    const fails = async (into: string, message: string, options = {}) =>
      expect(await install(into, options)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: `shm-probe: --install: ${message}\n`,
      })
    chmodSync(disk, 0o755)
    await fails('/nowhere', 'cannot open /nowhere, errno 2')
    await fails(disk, `cannot copy into ${disk}, errno 13`, nobody)
    await mounted(['-o', 'ro'], (into) => fails(into, `cannot copy into ${into}, errno 30`))
    await mounted(['-o', 'size=8k'], (into) => fails(into, `cannot copy into ${into}, errno 28`))
    await mounted(['-o', 'noexec'], (into) => fails(into, `the copy may not be executed (a noexec mount?) in ${into}`))
  })

  it('works in a scratch image, with nothing but the probe; and so does the probe', async () => {
    const root = mkdtempSync(join(disk, 'root-'))
    for (const made of ['dev/shm', 'out']) mkdirSync(join(root, made), { recursive: true })
    execFileSync('cp', [probePath(), join(root, 'shm-probe')])
    const inside = `mount --bind /dev/shm ${root}/dev/shm && exec chroot ${root} /shm-probe`
    const run = (args: string) =>
      execFileSync('unshare', ['--mount', 'sh', '-c', `${inside} ${args}`], { encoding: 'utf8' })
    expect(run('--install /out')).toContain('self-test passed')
    expect(run(`--dir ${dir}`)).toBe('')
    expect(() => run(`--dir ${dir} --check readiness`)).toThrow('Command failed')
  })
})
