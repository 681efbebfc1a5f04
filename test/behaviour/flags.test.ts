import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Heartbeat } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { ask, askAll, type Env, regionsForFlags, variableOf } from '../support/ask.js'
import { poke } from '../support/poke.js'
import { probeAll, type RunResult, sleptMs } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

const { dir, disk } = regionsForFlags()

/** A flag, what else is given, and two values: the first changes the exit code from `without` to `with`. */
const values: [flag: string, value: string, other: string, given: string[], without: number, changed: number][] = [
  ['region', 'silent', 'default', ['--startup-grace', '0'], 0, 1],
  ['check', 'readiness', 'liveness', [], 0, 1],
  ['expect', 'b', 'a', ['--startup-grace', '0'], 0, 1],
  ['min', '2', '1', ['--startup-grace', '0'], 0, 1],
  ['max-age', '1ns', '1h', ['--confirm', '0'], 0, 1],
  ['startup-grace', '0', '60s', ['--region', 'silent'], 0, 1],
  ['dead-grace', '1h', '0', ['--region', 'dead'], 1, 0],
  ['cycle-window', '1h', '0', ['--region', 'late', '--check', 'readiness'], 0, 1],
  ['dir', '/nowhere', dir, ['--startup-grace', '0'], 0, 1],
]

describe.each(values)('--%s', (flag, value, other, given, without, changed) => {
  const codes = async (...rows: [args: string[], env?: Env][]) => {
    const answers = await askAll(rows.map(([args, env]) => [[...given, ...args], env ?? {}]))
    return answers.map(({ code }) => code)
  }
  it('is what changes the answer, with a space or an equals sign', async () => {
    const answers = await codes([[]], [[`--${flag}`, value]], [[`--${flag}=${value}`]], [[`--${flag}`, other]])
    expect(answers).toEqual([without, changed, changed, without])
  })
  it('is a variable too, which it beats; an empty one is unset', async () => {
    const answers = await codes(
      [[], { [variableOf(flag)]: value }],
      [[`--${flag}`, other], { [variableOf(flag)]: value }],
      [[`--${flag}`, value], { [variableOf(flag)]: other }],
      // An empty SHM_LIVENESS_DIR is the default directory, where the regions of this test are not.
      ...(flag === 'dir' ? [] : [[[], { [variableOf(flag)]: '' }] as [string[], Env]]),
    )
    expect(answers).toEqual([changed, without, changed, ...(flag === 'dir' ? [] : [without])])
  })
  it('needs a value, once', async () => {
    const others = given.filter((word) => word !== `--${flag}`)
    const answers = await askAll([
      [[...others, `--${flag}`]],
      [[...others, `--${flag}`, '']],
      [[...others, `--${flag}=`]],
      [[`--${flag}`, value, `--${flag}=${value}`]],
    ])
    const needs = { code: 2, stdout: '', stderr: `shm-probe: --${flag} needs a value\n` }
    expect(answers.slice(0, 3)).toEqual([needs, needs, needs])
    if (flag === 'region') return // may be repeated
    expect(answers[3]).toEqual({ code: 2, stdout: '', stderr: `shm-probe: --${flag} is given twice\n` })
  })
})

describe('--confirm', () => {
  it('is how long a stalled worker is waited for; max age within 50 and 300 ms by default', async () => {
    const waited = async (args: string[], env: Env = {}) => {
      const answer = await ask(['--region', 'old', ...args], env)
      expect(answer.stdout).toMatch(/^stalled: /)
      return answer.ms
    }
    expect(await waited(['--confirm', '400ms'])).toBeGreaterThanOrEqual(400)
    expect(await waited([], { SHM_LIVENESS_CONFIRM: '400ms' })).toBeGreaterThanOrEqual(400)
    expect(await waited([])).toBeGreaterThanOrEqual(50)
    const slept = (args: string[], env: Env = {}) =>
      sleptMs(['--region', 'old', ...args], { SHM_LIVENESS_DIR: dir, ...env })
    expect(await slept(['--confirm', '0'], { SHM_LIVENESS_CONFIRM: '1s' })).toBe(0)
    expect(await slept(['--confirm', '400ms'])).toBeGreaterThan(0)
    expect(await slept([])).toBeLessThan(100)
    expect(await slept([], { SHM_LIVENESS_CONFIRM: '' })).toBeLessThan(100)
  })
})

describe('switches', () => {
  const on = async (flag: string, seen: (answer: RunResult) => boolean, given: string[] = []) => {
    const variable = variableOf(flag)
    const answers = await askAll([
      [[...given, `--${flag}`]],
      [given, { [variable]: '1' }],
      [given, { [variable]: 'true' }],
      [[...given, `--${flag}`], { [variable]: '0' }],
      ...['0', 'false', ''].map((off): [string[], Env] => [given, { [variable]: off }]),
    ])
    expect(answers.map(seen)).toEqual([true, true, true, true, false, false, false])
    expect(await askAll([[[], { [variable]: 'yes' }], [[`--${flag}=1`]], [[`--${flag}`, `--${flag}`]]])).toEqual([
      { code: 2, stdout: '', stderr: `shm-probe: ${variable} "yes" is neither 1 nor 0\n` },
      { code: 2, stdout: '', stderr: `shm-probe: --${flag} takes no value\n` },
      { code: 2, stdout: '', stderr: `shm-probe: --${flag} is given twice\n` },
    ])
  }
  it('are --json', () => on('json', ({ stdout }) => stdout.startsWith('{"verdict":"healthy"')))
  it('are --verbose', () => on('verbose', ({ stdout }) => stdout.startsWith('healthy\n  default/a running')))
  it('are --allow-disk', () => on('allow-disk', ({ code }) => code === 0, ['--dir', disk]))

  it('of output: a flag beats a variable of the other', async () => {
    expect((await ask(['--verbose'], { SHM_LIVENESS_JSON: '1' })).stdout).toMatch(/^healthy\n/)
    expect((await ask(['--json'], { SHM_LIVENESS_VERBOSE: '1' })).stdout).toMatch(/^\{/)
    expect(await ask([], { SHM_LIVENESS_JSON: '1', SHM_LIVENESS_VERBOSE: '1' })).toMatchObject({ code: 2 })
  })
})

describe('--termination-log', () => {
  it('is a variable too, which it beats', async () => {
    const log = join(dir, 'log')
    const failing = ['--region', 'old', '--confirm', '0']
    await ask(failing, { SHM_LIVENESS_TERMINATION_LOG: log })
    expect(readFileSync(log, 'utf8')).toMatch(/^stalled: /)
    await ask([...failing, `--termination-log=${log}2`], { SHM_LIVENESS_TERMINATION_LOG: `${log}3` })
    expect(readFileSync(`${log}2`, 'utf8')).toMatch(/^stalled: /)
    expect(() => readFileSync(`${log}3`)).toThrow('ENOENT')
  })
})

describe('durations', () => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/durations.json', import.meta.url), 'utf8')) as {
    valid: [string, number][]
    invalid: string[]
    said: [number, string][]
  }
  const flags = ['max-age', 'startup-grace', 'dead-grace', 'confirm']

  it('of the vectors are taken, with a flag and as a variable', async () => {
    const cases = vectors.valid.flatMap(([text, ns]) =>
      flags.flatMap((flag) => {
        const given = flag === 'max-age' ? ['--confirm', '0', '--region', 'silent'] : []
        const expected = flag === 'max-age' && ns === 0 ? 2 : 0
        return [
          { text, flag, expected, row: [[...given, `--${flag}`, text]] as [string[], Env?] },
          { text, flag, expected, row: [given, { [variableOf(flag)]: text }] as [string[], Env?] },
        ]
      }),
    )
    const answers = await askAll(cases.map(({ row }) => row))
    const told = (codes: number[]) => cases.map(({ text, flag }, i) => `--${flag} ${text}: ${codes[i]}`)
    expect(told(answers.map(({ code }) => code))).toEqual(told(cases.map(({ expected }) => expected)))
  })

  it('that cannot be read are refused, with their text', async () => {
    const texts = vectors.invalid.filter((text) => text !== '')
    const rows = texts.flatMap((text) =>
      flags.flatMap((flag): [string[], Env][] => [
        [[`--${flag}`, text], {}],
        [[], { [variableOf(flag)]: text }],
      ]),
    )
    for (const [i, { code, stdout, stderr }] of (await askAll(rows)).entries()) {
      expect({ row: rows[i], code, stdout }).toEqual({ row: rows[i], code: 2, stdout: '' })
      expect(stderr).toMatch(/^shm-probe: \S+ "[^\n]*" is no duration \(say 250ms, 1\.5s or 1m30s\)\n$/)
    }
  })

  it('are said as the vectors have it', async () => {
    const region = uniqueRegion()
    using heartbeat = Heartbeat.claim({ region, name: 'a', maxAge: '1h' })
    heartbeat.beat()
    poke(region, 'Hot', 'last_beat_ns', 1n) // as old as this machine
    poke(region, 'Hot', 'renewed_ns', 1n)
    const younger = vectors.said.filter(([ns]) => ns > 0 && BigInt(ns) < process.hrtime.bigint())
    const runs = younger.map(([ns]) => ({ args: ['--region', region, '--confirm', '0', '--max-age', `${ns}ns`] }))
    const said = (await probeAll(runs)).map(({ stdout }) => /\(limit (\S+)\)/.exec(stdout)?.[1])
    expect(said).toEqual(younger.map(([, text]) => text))
  })
})

describe('variables', () => {
  it('of a Service of our name are none of ours', async () => {
    const ofService = { SHM_LIVENESS_SERVICE_HOST: '10.0.0.1', SHM_LIVENESS_PORT: 'tcp://10.0.0.1' }
    expect(await ask([], ofService)).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('--help and --version', () => {
  it('list all flags, and name the release', async () => {
    const help = await ask(['--help'])
    const flags = [...help.stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag)
    const switches = ['confirm', 'timeout', 'termination-log', 'json', 'verbose', 'allow-disk']
    const modes = ['self-test', 'install', 'version', 'help']
    expect(flags.sort()).toEqual([...values.map(([flag]) => flag), ...switches, ...modes].sort())
    expect(help).toMatchObject({ code: 0, stderr: '' })
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await ask(['--version'])).toMatchObject({ code: 0, stdout: `shm-probe ${version} (layout 2)\n` })
  })
})
