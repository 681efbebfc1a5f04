import { Writable } from 'node:stream'
import { LivenessError } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { toldExitCode as toldByCi } from '../../../examples/buildkit-ci/cli/program.js'
import { CiError } from '../../../examples/buildkit-ci/model/ci-error.js'
import { toldExitCode as toldByRunner } from '../../../examples/kata-build-runner/cli/program.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'

/** What a program says of an error, and its exit status. */
function told(error: unknown, by: typeof toldByCi): { code: number; text: string } {
  let text = ''
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const code = by(error, { stderr })
  return { code, text }
}

describe('a program of the examples', () => {
  it.each([
    ['buildkit-ci', toldByCi, 3],
    ['build-runner', toldByRunner, 7],
  ] as const)('%s says what to do about an error of the library', (name, by, code) => {
    const taken = new LivenessError('NAME_TAKEN', 'builds: a living worker holds this name')
    expect(told(taken, by)).toEqual({
      code,
      text: `${name}: builds: a living worker holds this name [NAME_TAKEN]\n  what to do: stop the other worker of this name, or name another region\n`,
    })
    const odd = told(new LivenessError('SYSTEM', 'unexpected answer from the kernel'), by)
    expect(odd.text).toContain('what to do: look up SYSTEM in README.md of shm-liveness, "Errors"')
  })

  it.each([
    ['buildkit-ci', toldByCi],
    ['build-runner', toldByRunner],
  ] as const)('%s takes a name that the library refuses for a mistake in its use', (_, by) => {
    expect(told(new LivenessError('INVALID_NAME', 'bad name'), by)).toMatchObject({ code: 2 })
  })

  it('says what to do about its own errors, on lines without control characters', () => {
    const { code, text } = told(new CiError('TOOL', 'no \u001b[1mbuildx', 'install it'), toldByCi)
    expect(code).toBe(3)
    expect(text).toMatch(/^buildkit-ci: no .*buildx\n {2}what to do: install it\n$/)
    expect(text).not.toContain('\u001b')
    expect(told(new RunnerError('USAGE', 'a', 'b'), toldByRunner)).toMatchObject({ code: 2 })
  })

  it.each([
    ['buildkit-ci', toldByCi, 70],
    ['build-runner', toldByRunner, 7],
  ] as const)('%s tells a mistake of its own with its stack', (_, by, status) => {
    const { code, text } = told(new TypeError('x is undefined'), by)
    expect(code).toBe(status)
    expect(text).toContain('command-line.test.ts')
  })
})
