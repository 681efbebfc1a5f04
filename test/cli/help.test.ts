/** What `--help` promises: how a command ends, and lines that work. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const commands = readdirSync(join(import.meta.dirname, '../../lib/cli/commands'))
const programHelp = (await shmLiveness(['--help'])).stdout
const names = section(programHelp, 'Commands')
  .flatMap((line) => /^ {2}([a-z-]+) /.exec(line)?.[1] ?? [])
  .filter((name) => name !== 'help')

const helpOf = async (name: string): Promise<string> => (await shmLiveness([name, '--help'])).stdout
function section(help: string, title: string): string[] {
  const [, lines = ''] = new RegExp(`^${title}:\\n((?: {2}.*\\n?)*)`, 'm').exec(help) ?? []
  return lines.split('\n').filter((line) => line !== '')
}

describe('--help', () => {
  it('is of every command', () => {
    expect(names.sort()).toEqual([
      ...['budget', 'conformance', 'guard-path', 'lint', 'probe-path', 'report', 'status', 'top', 'wire'],
    ])
    for (const name of names) {
      const file = name.endsWith('-path') ? 'executable-path' : name
      expect(commands).toContain(`${file}.ts`)
    }
  })

  it('of the program has exit codes and examples, too', () => {
    expect(section(programHelp, 'Exit codes').map((line) => line.trim()[0])).toEqual(['0', '1', '2', '3', '4'])
    expect(section(programHelp, 'Examples')).toHaveLength(2)
  })

  it.each(names)('of %s has its exit codes, and no other', async (name) => {
    const codes = section(await helpOf(name), 'Exit codes').map((line) => line.trim().split(' ')[0])
    const own = { lint: ['1'], wire: ['1', '4'], budget: ['1'], conformance: ['1'] }[name] ?? []
    expect(codes).toEqual(['0', '2', '3', ...own].sort())
  })

  it.each(names)('of %s has examples that the command takes', async (name) => {
    const examples = section(await helpOf(name), 'Examples').map((line) => line.replace(/ +#.*/, '').trim())
    expect(examples.length).toBeGreaterThanOrEqual(2)
    for (const example of examples) {
      const [, args = ''] = /shm-liveness ([^)"]*)/.exec(example) ?? []
      const words = args.trim().split(/ +/)
      expect(words[0]).toBe(name)
      const { code, stderr } = await shmLiveness(words)
      // The files and regions of examples are not there; a wrong flag would be usage.
      expect([0, 1, 3], stderr).toContain(code)
      for (const word of words.slice(1)) expect(existsSync(word)).toBe(false)
    }
  })
})

describe('an error', () => {
  it.each([
    [['wire', '--contaner', 'a']],
    [['wire', '--min', 'x']],
    [['budget']],
    [['fly']],
    [['lint', '/no/such']],
    [['status', 'no-such-region']],
    [['wire', '/no/such']],
    [['budget', '--max-age', '1s', '--reaction', 'panic']],
    [['lint', '--list-rules', '--format', 'sarif']],
  ])('of %j begins with the name of the program, once', async (args) => {
    const { code, stderr } = await shmLiveness(args)
    expect(code).toBeGreaterThan(1)
    expect(stderr).toMatch(/^shm-liveness: (?!error|shm-liveness)/)
  })

  it.each([
    [['budget', '--max-age', '250'], 'add a unit, for example 250ms'],
    [['budget', '--max-age', '1s', '--ran', '2.5'], 'add a unit, for example 2.5ms'],
    [['budget', '--max-age', '1s', '--grace', '5'], 'add a unit, for example 5ms'],
    [['budget', '--max-age', '1s', '--within', '5'], 'add a unit, for example 5ms'],
    [['wire', '--grace', '5'], 'add a unit, for example 5ms'],
    [['wire', '--guard', '--guard-flag=--max-age=5'], 'add a unit, for example 5ms'],
  ])('of %j says what the plain number lacks', async (args, hint) => {
    expect(await shmLiveness(args, 'kind: Pod')).toMatchObject({ code: 2, stderr: expect.stringContaining(hint) })
  })
})
