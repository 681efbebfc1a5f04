import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { Result } from '../../lib/conformance/run.js'
import { type Language, languages, missingPackages } from '../support/languages.js'

const cli = join(import.meta.dirname, '../../dist/cli/main.js')

/** Runs the real program over a worker. */
async function conformance({ args, env = {} }: ReturnType<Language['command']>): Promise<Result[]> {
  const child = spawn(process.execPath, [cli, 'conformance', '--json', '--', ...args], {
    // Vitest switches stacks off for other tests (vitest.config.ts); a claim shows them by default.
    env: { ...process.env, SHM_LIVENESS_STACKS: '', ...env },
  })
  const [json, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (json === '') throw new Error(errors)
  return JSON.parse(json) as Result[]
}

/** What a worker of the language cannot be asked: docs/conformance.md, the optional features. */
const leftOut: Record<string, string[]> = {
  'Node.js': ['fork'],
  Python: [],
  C: ['where'],
  'C++': ['where'],
  bash: ['fork', 'where'],
  Go: ['fork', 'where'],
  Rust: ['fork', 'where'],
}

describe('a worker in', () => {
  for (const language of languages) {
    const missing = missingPackages(language)
    if (missing.length > 0) {
      console.warn(`SKIPPED: the worker in ${language.name} was not tested: apt-get install ${missing.join(' ')}`)
    }
    it.skipIf(missing.length > 0)(
      `${language.name} keeps to the layout, beside a Node.js worker in one region`,
      async () => {
        const results = await conformance(language.command())
        expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([])
        const names = results.filter(({ outcome }) => outcome === 'left out').map(({ scenario }) => scenario)
        expect(names).toEqual(leftOut[language.name])
        expect(results.length - names.length).toBeGreaterThan(15)
      },
    )
  }
})
