import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exitCodes } from '../../../examples/kata-build-runner/model/exit-codes.js'
import { failureKinds } from '../../../examples/kata-build-runner/model/failure.js'
import { failureGuide } from '../../../examples/kata-build-runner/model/failure-guide.js'
import { buildOutcomes } from '../../../examples/kata-build-runner/model/result.js'
import { lostNodeMs } from '../../../examples/kata-build-runner/watch/diagnose.js'
import { settleMs } from '../../../examples/kata-build-runner/watch/failure-after-start.js'
import { refusalPatienceMs } from '../../../examples/kata-build-runner/watch/failure-before-start.js'

const read = (path: string) =>
  readFileSync(new URL(`../../../examples/kata-build-runner/${path}`, import.meta.url), 'utf8')
const text = read('docs/result.md')

/** The rows of the table under a heading. */
function rows(heading: string): string[][] {
  const section = text.split(/^##+ /m).find((each) => each.startsWith(`${heading}\n`)) ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('| '))
  return lines.slice(1).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

describe('docs/result.md', () => {
  it('has every exit status, as the code has it', () => {
    expect(rows('Exit status')).toEqual(Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]))
  })

  it('has every kind of failure with its meaning and remedy, as the code has it', () => {
    expect(rows('Kinds of failure')).toEqual(
      failureKinds.map((kind) => [`\`${kind}\``, failureGuide[kind].meaning, failureGuide[kind].remedy]),
    )
  })

  it('has every field of a result and of a failure, and no other', () => {
    const listed = rows('The file').flatMap(([fields]) =>
      [...(fields ?? '').matchAll(/`([\w.]+)`/g)].map((match) => match[1]),
    )
    const own = fieldsOf(read('model/result.ts'), 'BuildResult')
    const ofFailure = fieldsOf(read('model/failure.ts'), 'Failure').map((field) => `failure.${field}`)
    expect(own).toContain('exitCode')
    expect(listed.sort()).toEqual([...own, ...ofFailure].sort())
  })

  it('has every outcome', () => {
    const [, words] = rows('The file').find(([field]) => field === '`outcome`') ?? []
    expect([...(words ?? '').matchAll(/`([\w-]+)`/g)].map((match) => match[1])).toEqual([...buildOutcomes])
  })

  it('has the times that the code waits', () => {
    const words = rows('When a failure is final').flat().join('\n')
    expect(words).toContain(`after ${settleMs / 1000} s`)
    expect(words).toContain(`after ${refusalPatienceMs / 1000} s without a pod`)
    expect(words).toContain(`${lostNodeMs / 60_000} min after its grace is over`)
  })
})

/** The names of an interface's own fields. */
function fieldsOf(source: string, name: string): string[] {
  const body = new RegExp(`export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1] ?? '')
}
