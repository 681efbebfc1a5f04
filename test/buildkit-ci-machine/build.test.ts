import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { streamPath } from '../buildkit-ci/streams.js'
import { marked } from '../support/left-behind.js'
import { mounted } from '../support/mounted.js'
import { Program } from '../support/program.js'
import { FakeBuildx } from './fake-buildx.js'
import { ciProgram } from './scene.js'

const run = (buildx: FakeBuildx, ...flags: string[]) =>
  Program.run(process.execPath, [ciProgram, 'build', '--buildx', buildx.path, ...flags, '.'], marked)

describe('buildkit-ci build', () => {
  it('shows the progress, and exits with 0 for a build that succeeds', async () => {
    const buildx = new FakeBuildx({ stream: streamPath('succeeds') })
    const program = run(buildx, '--tag', 'r.example/app:1', '--cache', 'r.example/app:cache', '--push')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.lines).toContain('#8 [build 4/4] RUN npm ci')
    expect(buildx.calls[0]).toContain('--cache-to type=registry,ref=r.example/app:cache,mode=max --push .')
  })

  it('leaves no region behind', async () => {
    await mounted([], async (directory) => {
      const args = [ciProgram, 'build', '--buildx', new FakeBuildx().path, '.']
      const program = Program.run(process.execPath, args, { ...marked, SHM_LIVENESS_DIR: directory })
      expect(await program.ended, program.stderr).toEqual({ code: 0, signal: null })
      expect(readdirSync(directory)).toEqual([])
    })
  })

  it('exits with the status of a build that fails, and shows why', async () => {
    const program = run(new FakeBuildx({ stream: streamPath('fails'), after: 'exit 1' }))
    expect(await program.ended).toEqual({ code: 1, signal: null })
    expect(program.lines.join('\n')).toMatch(/^ERROR: failed to build: failed to solve: process .* exit code: 1$/m)
  })

  it('tells a hung step by name and time, then has it ended by the guard', async () => {
    const buildx = new FakeBuildx({ stream: streamPath('hangs'), after: 'exec sleep 600' })
    const program = run(buildx, '--step-budget', 'RUN npm ci=1s,4s')
    expect(await program.ended).toEqual({ code: 120, signal: null })
    const log = [...program.lines, program.stderr].join('\n')
    expect(log).toMatch(/^buildkit-ci: stalled: no progress in \[build 4\/4\] RUN npm ci for \d+s$/m)
    expect(log).toMatch(/stalled: build last beat .* in phase \\?"no progress in \[build 4\/4\] RUN npm ci for \d+s/)
  })

  it('ends a build at its time limit', async () => {
    const buildx = new FakeBuildx({ stream: streamPath('hangs'), after: 'exec sleep 600' })
    const program = run(buildx, '--time-limit', '2s')
    expect(await program.ended).toEqual({ code: 124, signal: null })
  })

  it('passes SIGTERM on to buildx, which cancels the build in the daemon', async () => {
    const after = 'trap "echo cancelled >&2; exit 1" TERM; while :; do sleep 0.1; done'
    const program = run(new FakeBuildx({ stream: streamPath('hangs'), after }))
    await program.said('#8 [build 4/4] RUN npm ci')
    program.send('SIGTERM')
    await program.said('cancelled')
    expect((await program.ended).code).not.toBe(0)
  })

  it('warns of a build argument that looks like a secret', async () => {
    const program = run(new FakeBuildx(), '--build-arg', 'NPM_TOKEN=x', '--no-guard')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.stderr).toContain(
      '--build-arg NPM_TOKEN stays in the history of the image; use --secret id=npm_token',
    )
  })

  it('says what to do where there is no buildx', async () => {
    const program = Program.run(process.execPath, [ciProgram, 'build', '--no-guard', '.'], { PATH: '/nonexistent' })
    expect(await program.ended).toEqual({ code: 3, signal: null })
    expect(program.stderr).toContain('what to do: install buildx, or name it with --buildx')
  })
})
