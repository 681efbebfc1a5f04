import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { between, fileOf, folder, run } from '../support/steps.js'

describe.concurrent('a file of steps', () => {
  const one = '{"name": "a", "argv": ["true"]}'
  const list = (...steps: string[]) => `{"steps": [\n${steps.join(',\n')}\n]}`
  const unknown = 'an unknown key: a step has name, argv or shell, silenceBudget, timeLimit'

  it.each<[string, string | Buffer, string]>([
    ['that is empty', '', 'line 1: a { was expected'],
    ['that is no JSON', 'steps:\n  - name: a\n', 'line 1: a { was expected'],
    ['that is a list', '[]', 'line 1: a { was expected'],
    ['with a byte order mark', `\ufeff${list(one)}`, 'line 1: a { was expected'],
    ['without steps', '{}', 'line 1: there are no steps'],
    ['with no step', '{"steps":\n[]}', 'line 2: there are no steps'],
    ['with another key', '{"stages": []}', 'line 1: the file holds one key, "steps"'],
    ['with steps twice', `{"steps": [${one}],\n"steps": [${one}]}`, 'line 2, step 1: the file holds one key, "steps"'],
    ['with something behind', `${list(one)}\n{}`, 'line 4, step 1: something follows the end'],
    ['that does not end', `{"steps": [\n${one}`, 'line 2, step 1: a , or ] was expected'],
    ['with a comma too many', `{"steps": [\n${one},\n]}`, 'line 3, step 2: a { was expected'],
    ['with a comment', `{"steps": [\n// one\n${one}]}`, 'line 2, step 1: a { was expected'],
    ['with a step that is a text', list(one, '"b"'), 'line 3, step 2: a { was expected'],
    ['with an unknown key', list(one, '{"name": "b",\n"run": "true"}'), `line 4, step 2: ${unknown}`],
    ['with a key in capitals', list('{"Name": "b"}'), `line 2, step 1: ${unknown}`],
    ['with a key twice', list('{"name": "b",\n"name": "c"}'), 'line 3, step 1: a key is there twice'],
    ['with a step without a name', list(one, '{"argv": ["true"]}'), 'line 3, step 2: "name" is missing'],
    ['with a step without a command', list('{"name": "a"}'), 'line 2, step 1: "argv" or "shell" is missing'],
    [
      'with argv and shell',
      list(one, one, '{"name": "a", "argv": ["true"], "shell": "true"}'),
      'line 4, step 3: "argv" and "shell": one of them',
    ],
    [
      'with shell and argv',
      list('{"name": "a", "shell": "true", "argv": ["true"]}'),
      'line 2, step 1: "argv" and "shell": one of them',
    ],
    ['with an empty argv', list('{"name": "a", "argv": []}'), 'line 2, step 1: "argv" names no program'],
    ['with an empty program', list('{"name": "a", "argv": ["", "b"]}'), 'line 2, step 1: "argv" names no program'],
    ['with a number in argv', list('{"name": "a", "argv": ["b", 1]}'), 'line 2, step 1: a string was expected'],
    ['with an argv that is a text', list('{"name": "a", "argv": "true"}'), 'line 2, step 1: a [ was expected'],
    [
      'with 1,025 words',
      list(`{"name": "a", "argv": [${'"a",'.repeat(1024)}"a"]}`),
      'line 2, step 1: "argv" has more than 1024 words',
    ],
    ['with an empty name', list('{"name": "", "argv": ["a"]}'), 'line 2, step 1: "name" is no line of 1 to 63 bytes'],
    [
      'with a name of 64 bytes',
      list(`{"name": "${'x'.repeat(64)}"}`),
      'line 2, step 1: "name" is no line of 1 to 63 bytes',
    ],
    [
      'with a name of two lines',
      list('{"name": "a\\nb", "argv": ["a"]}'),
      'line 2, step 1: "name" is no line of 1 to 63 bytes',
    ],
    [
      'with a budget that is no duration',
      list(one, '{"name": "b", "silenceBudget": "soon"}'),
      'line 3, step 2: "silenceBudget" is no duration (say "5m")',
    ],
    [
      'with a budget of nothing',
      list('{"name": "b", "silenceBudget": "0s"}'),
      'line 2, step 1: "silenceBudget" is no duration (say "5m")',
    ],
    [
      'with a budget that is a number',
      list('{"name": "b", "silenceBudget": 5}'),
      'line 2, step 1: a string was expected',
    ],
    [
      'with a negative limit',
      list('{"name": "b", "timeLimit": "-5m"}'),
      'line 2, step 1: "timeLimit" is no duration (say "30m")',
    ],
    ['with 257 steps', list(...Array.from({ length: 257 }, () => one)), 'line 258, step 257: more than 256 steps'],
    ['with lists in lists', `{"steps": ${'['.repeat(100_000)}`, 'line 1, step 1: a { was expected'],
    ['with objects in objects', `${'{"steps":'.repeat(20_000)}`, 'line 1: a [ was expected'],
    ['with half a pair', list('{"name": "\\ud83d"}'), 'line 2, step 1: half a surrogate pair'],
    ['with the other half', list('{"name": "\\ude00"}'), 'line 2, step 1: half a surrogate pair'],
    ['with two first halves', list('{"name": "\\ud83d\\ud83d"}'), 'line 2, step 1: half a surrogate pair'],
    ['with three digits', list('{"name": "\\u12"}'), 'line 2, step 1: no four digits behind \\u'],
    ['with an unknown escape', list('{"name": "\\x41"}'), 'line 2, step 1: an unknown escape in a string'],
    ['with an escaped NUL', list('{"name": "a\\u0000b"}'), 'line 2, step 1: a NUL in a string'],
    ['with a NUL in a string', list('{"name": "a\0b"}'), 'line 2, step 1: a control character in a string'],
    ['with a NUL between', `{"steps":\0[${one}]}`, 'line 1: a [ was expected'],
    ['with a line end in a string', list('{"name": "a\nb"}'), 'line 2, step 1: a control character in a string'],
    ['with a string that does not end', '{"steps": [\n{"name": "a', 'line 2, step 1: a string does not end'],
    ['with an escape at its end', '{"steps": [\n{"name": "a\\', 'line 2, step 1: a string does not end'],
    ['of random bytes', Buffer.from('80ff00fe3d0a', 'hex'), 'line 1: a { was expected'],
  ])('%s is refused, with its place', async (_, content, why) => {
    const path = fileOf(content)
    const region = uniqueRegion()
    const result = await guard(['--region', region, '--steps', path])
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: `shm-guard: --steps ${path}, ${why}\n` })
    expect((await probe(['--region', region, '--startup-grace', '0'])).stdout).toMatch(/^missing: /)
  })

  it('that is longer than 256 KiB is refused; up to that it may be padded', async () => {
    const padded = (bytes: number) => fileOf(list(one).padEnd(bytes, ' '))
    const long = padded(256 * 1024 + 1)
    expect(await guard(['--region', uniqueRegion(), '--steps', long])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `shm-guard: --steps ${long}: longer than 256 KiB\n`,
    })
    expect(await guard(['--region', uniqueRegion(), '--steps', padded(256 * 1024)])).toMatchObject({ code: 0 })
  })

  it('full of escapes is read as other JSON readers read it', async () => {
    const text = list(
      '{"\\u006eame": "\\u0061\\ud83d\\ude00\\/\\"\\\\", "argv": ["printf", "%s|", "\\b\\f\\n\\r\\t", "\\u00e9\\u20ac\\ud83d\\ude00", "\\u0041"]}',
    )
    const expected = JSON.parse(text).steps[0] as { name: string; argv: string[] }
    const log = await run([JSON.parse(text).steps[0]])
    const path = fileOf(text)
    const result = await guard(['--region', uniqueRegion(), '--steps', path])
    expect(result.code).toBe(0)
    expect(result.stdout).toContain(`\n${expected.argv.slice(2).join('|')}|\n`)
    expect(between(log, 1).toString()).toBe(`${expected.argv.slice(2).join('|')}|\n`)
    expect(result.stdout).toContain(`"name":${JSON.stringify(expected.name)}`)
  })

  it('that is not there, a folder or unreadable is refused with the reason', async () => {
    const refused = async (path: string, wrapper: string[] = []) => {
      const { code, stdout, stderr } = await guard(['--region', uniqueRegion(), '--steps', path], { wrapper })
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      return stderr.replace(path, 'PATH')
    }
    expect(await refused(join(folder, 'nowhere'))).toBe('shm-guard: --steps PATH: no such file or directory\n')
    expect(await refused(folder)).toBe('shm-guard: --steps PATH: is a directory\n')
    expect(await refused(join(fileOf(''), 'below'))).toBe('shm-guard: --steps PATH: not a directory\n')
    const secret = fileOf(list(one))
    chmodSync(secret, 0)
    // Root may read everything; without its capabilities it may not.
    const plain = ['setpriv', '--inh-caps=-all', '--bounding-set=-all']
    expect(await refused(secret, plain)).toBe('shm-guard: --steps PATH: permission denied\n')
  })

  it('that is a FIFO without a writer, or with one that writes nothing, is refused and not waited for', async () => {
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const silent = await guard(['--region', uniqueRegion(), '--steps', fifo])
    expect(silent).toMatchObject({ code: 2, stdout: '' })
    expect(silent.stderr).toContain(`--steps ${fifo}`)
    const writer = openSync(fifo, 'r+')
    try {
      const held = await guard(['--region', uniqueRegion(), '--steps', fifo])
      expect(held).toMatchObject({ code: 2, stdout: '' })
      expect(held.stderr).toContain(`--steps ${fifo}`)
      expect(held.stderr, 'the reason is that there is nothing to read yet').not.toContain('processes')
    } finally {
      closeSync(writer)
    }
  })

  it.each([
    [['--steps', 'FILE', '--', 'true'], '--steps and a command: one of them'],
    [['--steps', 'FILE', '--restart', '1'], '--steps are not restarted: no --restart'],
    [['--steps', 'FILE', '--notify'], '--steps stamp by progress: no --notify'],
  ])('goes not with %j', async (args, why) => {
    const path = fileOf(list(one))
    const result = await guard(args.map((word) => (word === 'FILE' ? path : word)))
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: `shm-guard: ${why}\n` })
  })
})
