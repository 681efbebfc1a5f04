import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterTests } from '../support/after-tests.js'
import { textOf } from '../support/steps.js'

const folders: string[] = []
afterTests(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A buildx that writes a recorded stream to standard error and then does what `after` says, in sh. */
export class FakeBuildx {
  readonly path: string
  readonly #calls: string

  constructor({
    stream = '',
    after = 'exit 0',
    create = 'exit 0',
  }: { stream?: string; after?: string; create?: string } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'buildx-'))
    folders.push(folder)
    this.path = join(folder, 'buildx')
    this.#calls = join(folder, 'calls')
    const lines = [
      '#!/bin/sh',
      `echo "$*" >> '${this.#calls}'`,
      'case "$1" in rm) echo "no builder found" >&2; exit 1;; esac',
      `[ "$1" = create ] && { ${create}; }`,
      ...(stream === '' ? [] : [`cat '${stream}' >&2`]),
      after,
    ]
    writeFileSync(this.path, `${lines.join('\n')}\n`, { mode: 0o755 })
  }

  /** The arguments of each call so far. */
  get calls(): string[] {
    return textOf(this.#calls).split('\n').filter(Boolean)
  }
}
