import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startFake } from '../buildkit-ci/support.js'
import { startGuard } from '../support/guard.js'
import { only } from '../support/held.js'
import { marked } from '../support/left-behind.js'
import { mounted } from '../support/mounted.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { FakeBuildx } from './fake-buildx.js'
import { renderedVariables } from './rendered-variables.js'
import { ciProgram } from './scene.js'

const argsOf = (buildx: FakeBuildx, address: string, ...flags: string[]) => [
  ...[ciProgram, 'agent', '--buildx', buildx.path, '--daemon', address, ...flags],
]

describe('buildkit-ci agent', () => {
  it('attaches a builder anew, then runs the CI agent with it', async () => {
    const { socket } = await startFake()
    const buildx = new FakeBuildx()
    const args = argsOf(buildx, `unix://${socket}`, '--', 'sh', '-c', 'echo "builder $BUILDX_BUILDER"; exit 7')
    const program = Program.run(process.execPath, args, marked)
    expect(await program.ended).toEqual({ code: 7, signal: null })
    expect(program.lines).toEqual(['builder buildkit-ci'])
    expect(buildx.calls).toEqual(['rm buildkit-ci', `create --name buildkit-ci --driver remote unix://${socket}`])
  })

  it('makes its builder as `render` starts it, though the Secret of registries cannot be written', async () => {
    const { socket } = await startFake()
    // buildx keeps its builders there.
    const create =
      'mkdir -p "$([ "$BUILDX_CONFIG" ] && echo "$BUILDX_CONFIG" || echo "$DOCKER_CONFIG/buildx")" || exit 1'
    const buildx = new FakeBuildx({ create })
    const args = argsOf(buildx, `unix://${socket}`, '--', 'true')
    await mounted(['-o', 'ro'], async (secret) => {
      const folder = mkdtempSync(join(tmpdir(), 'agent-'))
      const program = Program.run(process.execPath, args, { ...marked, ...renderedVariables(folder, secret) })
      const ended = await program.ended
      rmSync(folder, { recursive: true })
      expect(ended, program.stderr).toEqual({ code: 0, signal: null })
    })
  })

  it('takes the daemon of its repository', async () => {
    const buildx = new FakeBuildx()
    const daemons = [0, 1, 2].flatMap((shard) => ['--daemon', `tcp://127.0.0.1:${shard + 1}`])
    const args = [ciProgram, 'agent', '--buildx', buildx.path, ...daemons, '--repository', 'team/app', '--', 'true']
    expect((await Program.run(process.execPath, args, marked).ended).code).toBe(0)
    const first = buildx.calls.at(-1)
    expect((await Program.run(process.execPath, args, marked).ended).code).toBe(0)
    expect(buildx.calls.at(-1)).toBe(first)
  })

  it('beats beside the CI agent, and is ready while the daemon answers', async () => {
    const { socket } = await startFake()
    const region = uniqueRegion()
    const flags = ['--region', region, '--beat-max-age', '5s']
    const args = argsOf(new FakeBuildx(), `unix://${socket}`, ...flags, '--', 'sleep', '60')
    const program = Program.run(process.execPath, args, marked)
    await until('ready', () => program.stderr.includes('answers') && only(region).ready)
    expect(only(region)).toMatchObject({ name: 'agent', state: 'running', phase: null })
    program.send('SIGTERM')
    expect(await program.ended).toEqual({ code: 143, signal: null })
  })

  it('is found by a guard when it hangs', async () => {
    const { socket } = await startFake()
    const region = uniqueRegion()
    const flags = ['--region', region, '--beat-max-age', '1s']
    const command = [process.execPath, ...argsOf(new FakeBuildx(), `unix://${socket}`, ...flags, '--', 'sleep', '60')]
    const guard = startGuard(['--region', region, '--grace', '1s', '--', ...command], marked)
    await until('it beats', () => guard.stderr.includes('answers') && only(region).beats > 1)
    process.kill(only(region).pid, 'SIGSTOP')
    expect(await guard.ended).toEqual({ code: 120, signal: null })
    expect(guard.stderr).toContain('stalled: agent last beat ')
  })

  it('says what to do if buildx cannot make the builder', async () => {
    const buildx = new FakeBuildx({ create: 'echo "ERROR: no such file ca.pem" >&2; exit 1' })
    const program = Program.run(process.execPath, argsOf(buildx, 'tcp://127.0.0.1:1', '--', 'true'), marked)
    expect(await program.ended).toEqual({ code: 3, signal: null })
    expect(program.stderr).toContain('buildx could not make the builder "buildkit-ci": ERROR: no such file ca.pem')
  })
})
