/** Where there is no Linux: real installs and imports, by processes whose process.platform says so from their start on. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bareMachine, dependencies, install, type Packed, pack, scratchFolder } from '../support/packed.js'
import { prebuildsLimitMs } from '../support/prebuilds.js'

const { path: scratch, remove } = scratchFolder()
const bare = bareMachine(scratch)

/** NODE_OPTIONS by which a process takes itself for one on another platform: `darwin`, `linux-riscv64`. */
function simulated(name: string): { NODE_OPTIONS: string } {
  const [platform, arch = process.arch] = name.split('-')
  const preload = join(scratch, `${name}.cjs`)
  const values = Object.entries({ platform, arch }).map(([key, value]) => `${key}: { value: '${value}' }`)
  writeFileSync(preload, `Object.defineProperties(process, { ${values.join(', ')} })\n`)
  return { NODE_OPTIONS: `--require ${preload}` }
}

let packed: Packed
const project = join(scratch, 'project')

beforeAll(() => {
  packed = pack(scratch)
  // npm itself thinks that this is a Mac. Its paths would be those of Windows, were it to think that.
  install(scratch, packed, project, { ...bare, ...simulated('darwin') })
}, prebuildsLimitMs)
afterAll(remove)

function run(platform: string, text: string) {
  writeFileSync(join(project, 'program.mjs'), text)
  const env = { ...bare, ...simulated(platform) }
  return spawnSync(process.execPath, ['program.mjs'], { cwd: project, env, encoding: 'utf8' })
}

it('names no platform that it is for, nor do its dependencies: npm would refuse to install it', () => {
  for (const name of ['shm-liveness', ...dependencies]) {
    const manifest = JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8'))
    expect([name, manifest.os, manifest.cpu, manifest.libc]).toEqual([name, undefined, undefined, undefined])
  }
})

describe.each(['darwin', 'win32', 'linux-riscv64'])('on %s', (platform) => {
  it('importing is no error; claims, readers and paths of programs are typed ones', () => {
    const { status, stdout, stderr } = run(
      platform,
      `import { guardPath, Heartbeat, LivenessError, probePath, Region } from 'shm-liveness'
      const calls = [() => Heartbeat.claim({ name: 'a', maxAge: 5 }), () => Region.open('a'), probePath, guardPath]
      for (const call of calls) {
        try { call() } catch (error) { console.log(error instanceof LivenessError, error.code, error.message) }
      }`,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    for (const line of lines) {
      expect(line).toMatch(
        new RegExp(`^true UNSUPPORTED_PLATFORM .* only on Linux \\(x64, arm64\\), and this is ${platform}`),
      )
    }
    expect(lines[0]).toContain("claim with unsupportedPlatform: 'do-nothing'")
    expect(lines[2]).toContain(join(project, 'node_modules/shm-liveness/prebuilds'))
  })

  it("a claim with unsupportedPlatform: 'do-nothing' answers as on Linux until stop()", () => {
    const { status, stdout, stderr } = run(
      platform,
      `import { Heartbeat } from 'shm-liveness'
      const say = (...words) => console.log(words.join(' '))
      const heartbeat = Heartbeat.claim({ name: 'a', maxAge: '1s', stacks: true, unsupportedPlatform: 'do-nothing' })
      const { beat } = heartbeat
      say(heartbeat.implementation, heartbeat.stacks.by, beat(), heartbeat.claimed, heartbeat.comebacks)
      heartbeat.ready()
      heartbeat.notReady('draining')
      const phase = heartbeat.phase('load', { budget: '1s' })
      phase.end()
      say(phase.name, beat())
      heartbeat.stop()
      say(beat(), heartbeat.claimed)
      try { heartbeat.ready() } catch (error) { say(error.code) }
      const wrong = [{ maxAge: 'soon' }, { clock: 'sundial' }, { unsupportedPlatform: 'ignore' }]
      for (const options of wrong) {
        try {
          Heartbeat.claim({ name: 'a', maxAge: '1s', unsupportedPlatform: 'do-nothing', ...options })
        } catch (error) { say(error.code) }
      }`,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n')).toEqual([
      ...['none none true true 0', 'load true', 'false false', 'STOPPED'],
      ...['INVALID_OPTION', 'INVALID_OPTION', 'INVALID_OPTION'],
    ])
  })

  it('the command line wires and lints, and says why it cannot read a region', () => {
    const command = join(project, 'node_modules/shm-liveness/dist/cli/main.js')
    const env = { ...bare, ...simulated(platform) }
    const cli = (args: string[], input = '') =>
      spawnSync(process.execPath, [command, ...args], { cwd: project, env, encoding: 'utf8', input })
    const pod = 'kind: Pod\nmetadata: { name: a }\nspec: { containers: [{ name: a, image: "a:1" }] }\n'
    const wired = cli(['wire', '-'], pod)
    expect(wired.stdout).toContain('/shm-liveness/shm-probe')
    expect(wired.status).toBe(0)
    expect(cli(['lint', '-'], wired.stdout)).toMatchObject({ status: 0 })
    for (const args of [['status', 'camera'], ['probe-path']]) {
      expect(cli(args)).toMatchObject({ status: 3, stderr: expect.stringMatching(/^shm-liveness: .* only on Linux/) })
    }
  })
})

it('on Linux, the option changes nothing', () => {
  const { stdout } = run(
    'linux',
    `import { Heartbeat } from 'shm-liveness'
    const heartbeat = Heartbeat.claim({ name: 'a', maxAge: '1s', region: 'test-platforms-' + process.pid, unsupportedPlatform: 'do-nothing' })
    console.log(heartbeat.implementation, heartbeat.beat())
    heartbeat.stop()
    const { rmSync } = await import('node:fs')
    rmSync('/dev/shm/test-platforms-' + process.pid)`,
  )
  expect(stdout).toMatch(/^(fast|native) true\n$/)
})
