import { describe, expect, it } from 'vitest'
import { streamPath } from '../buildkit-ci/streams.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { FakeBuildx } from './fake-buildx.js'
import { ciProgram } from './scene.js'

const run = (buildx: FakeBuildx, ...flags: string[]) =>
  Program.run(process.execPath, [ciProgram, 'compare', '--buildx', buildx.path, ...flags, '.'], marked)

describe('buildkit-ci compare', () => {
  it('builds by turns, without and with cache, and prints the table', async () => {
    const buildx = new FakeBuildx({ stream: streamPath('succeeds') })
    const program = run(buildx, '--repeat', '2', '--before', 'sleep 0.1', '--before-cached', 'true')
    expect(await program.ended, program.stderr).toEqual({ code: 0, signal: null })
    expect(buildx.calls.map((call) => call.includes('--no-cache'))).toEqual([true, false, true, false])
    expect(program.lines[0]).toBe('| image | before | after | after by before |')
    expect(program.lines.slice(2).map((line) => line.split('|')[1]?.trim())).toEqual(['not cached', 'cached'])
  })

  it('exits with 3 when a build fails, and says which', async () => {
    const program = run(new FakeBuildx({ after: 'exit 4' }))
    expect(await program.ended).toEqual({ code: 3, signal: null })
    expect(program.stderr).toContain('the build failed (after, not cached): exit status 4')
  })
})
