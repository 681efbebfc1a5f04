/** The agent and its builds by the real buildx, in the real buildkitd. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { useArm64 } from '../support/emulation.js'
import { marked } from '../support/left-behind.js'
import { mounted } from '../support/mounted.js'
import { whyNotWith } from '../support/needs.js'
import { Program } from '../support/program.js'
import { skopeo } from '../support/skopeo.js'
import { buildx, contextOf, RealPod, whyNotBuildx } from './real.js'
import { renderedVariables } from './rendered-variables.js'
import { ciProgram } from './scene.js'
import { useRegistry } from './use-registry.js'

const why = whyNotBuildx()
if (why !== undefined) console.error(`NOT TESTED: the agent with the real buildx: ${why}.`)
const whyNoRegistry = why ?? whyNotWith('caches of the real buildx', { 'docker-registry': 'docker-registry' })
const whyNoPush = whyNoRegistry ?? whyNotWith('images of the real buildx', { skopeo: 'skopeo', go: 'golang-go' })
const whyNoArm64 = why ?? useArm64()
if (why === undefined && whyNoArm64 !== undefined) console.error(`NOT TESTED: the real build for arm64: ${whyNoArm64}.`)

const { folder, registry } = useRegistry(whyNoRegistry)

/** `buildkit-ci agent` at a daemon, which runs one `buildkit-ci build`. */
function agentBuild(pod: RealPod, args: string[], variables: Record<string, string> = {}): Program {
  const which = ['--buildx', buildx as string]
  const build = [process.execPath, ciProgram, 'build', ...which, ...args]
  const flags = [...which, '--daemon', `unix://${pod.socket}`, '--builder', 'test']
  const env = { ...marked, HOME: pod.folder, ...variables }
  return Program.run(process.execPath, [ciProgram, 'agent', ...flags, '--', ...build], env)
}

async function expectBuilt(agent: Program): Promise<string> {
  const ended = await agent.ended
  const log = [...agent.lines, agent.stderr].join('\n')
  expect(ended, log).toEqual({ code: 0, signal: null })
  return log
}

describe.skipIf(why !== undefined)('the real buildx', () => {
  it('gets its builder from the agent, and builds under a guard', async () => {
    const pod = await RealPod.start()
    // As a Secret of registries is mounted.
    await mounted(['-o', 'ro'], async (secret) => {
      const context = contextOf('RUN echo hello from the step')
      const agent = agentBuild(pod, [context], renderedVariables(pod.folder, secret))
      expect(await expectBuilt(agent)).toMatch(/^#\d+ hello from the step$/m)
    })
  })

  it('exits as buildx does for a step that fails, and says why', async () => {
    const pod = await RealPod.start()
    const agent = agentBuild(pod, [contextOf('RUN echo about to fail; exit 3')])
    expect(await agent.ended).toEqual({ code: 1, signal: null })
    const log = [...agent.lines, agent.stderr].join('\n')
    expect(log).toMatch(/^#\d+ about to fail$/m)
    expect(log).toMatch(/^ERROR: failed to .*solve: process .* did not complete successfully: exit code: 3$/m)
  })

  it('is ended by the guard when a step hangs, by name, and the build in the daemon with it', async () => {
    const pod = await RealPod.start()
    const agent = agentBuild(pod, ['--step-budget', 'RUN *sleep*=1s,4s', contextOf('RUN /bin/busybox sleep 600')])
    expect((await agent.ended).code).toBe(120)
    const log = [...agent.lines, agent.stderr].join('\n')
    expect(log).toMatch(/^buildkit-ci: stalled: no progress in \[\d\/\d\] RUN \/bin\/busybox sleep 600 for \d+s$/m)
    expect(log).toMatch(/stalled: build last beat .* in phase \\?"no progress in \[\d\/\d\] RUN/)
    const drain = Program.run(process.execPath, [
      ciProgram,
      'drain',
      '--addr',
      `unix://${pod.socket}`,
      '--settle',
      '0s',
    ])
    expect(await drain.ended, drain.stderr).toEqual({ code: 0, signal: null })
  })
})

describe.skipIf(whyNoRegistry !== undefined)('a cache in a registry', () => {
  it('gives a new daemon the layers of all stages, also of those that are not in the image', async () => {
    const cache = ['--cache', `127.0.0.1:${registry().port}/app:cache`]
    const stages = (salt: string) =>
      [
        'RUN /bin/busybox dd if=/dev/urandom of=/made bs=1 count=16',
        'FROM scratch',
        'COPY --from=0 /bin/busybox /bin/busybox',
        'SHELL ["/bin/busybox", "sh", "-c"]',
        'COPY --from=0 /made /made',
        `RUN echo ${salt}`,
      ].join('\n')
    const first = contextOf(stages('first'))
    await expectBuilt(agentBuild(await RealPod.start(), [...cache, first]))
    writeFileSync(join(first, 'Dockerfile'), readFileSync(join(first, 'Dockerfile'), 'utf8').replace('first', 'second'))
    const log = await expectBuilt(agentBuild(await RealPod.start(), [...cache, first]))
    const number = /^#(\d+) \[stage-0 \d\/\d\] RUN/m.exec(log)?.[1]
    expect(log).toMatch(new RegExp(`^#${number} CACHED$`, 'm'))
  })
})

const secret = 'a-secret-that-no-layer-may-hold'
const program = `package main

import (
	"os"
	"runtime"
	"strconv"
)

func main() {
	secret, _ := os.ReadFile("/run/secrets/token")
	if os.WriteFile("/built", []byte(runtime.GOARCH+" "+strconv.Itoa(len(secret))), 0644) != nil {
		os.Exit(1)
	}
}
`

/** Every layer and config of an image in the registry, unpacked. */
async function contentsOf(name: string): Promise<string[]> {
  const target = mkdtempSync(join(folder, 'pulled-'))
  await skopeo('copy', '--all', `docker://127.0.0.1:${registry().port}/${name}:v1`, `dir:${target}`)
  return readdirSync(target).map((file) => {
    const bytes = readFileSync(join(target, file))
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('latin1')
  })
}

describe.skipIf(whyNoPush !== undefined)('an image that the agent pushes', () => {
  const pushed = async (name: string, platforms: string[]) => {
    const context = mkdtempSync(join(folder, 'context-'))
    writeFileSync(join(context, 'main.go'), program)
    for (const platform of platforms) {
      const GOARCH = platform.split('/')[1] as string
      const env = { GOARCH, CGO_ENABLED: '0', GO111MODULE: 'off', HOME: folder }
      const go = Program.run('go', ['build', '-o', join(context, `program-${GOARCH}`), join(context, 'main.go')], env)
      expect(await go.ended, go.stderr).toEqual({ code: 0, signal: null })
    }
    const lines = ['FROM scratch', 'ARG TARGETARCH', 'COPY program-$TARGETARCH /program']
    const run = 'RUN --mount=type=secret,id=token ["/program"]'
    writeFileSync(join(context, 'Dockerfile'), [...lines, run, ''].join('\n'))
    const pod = await RealPod.start()
    const flags = ['--tag', `127.0.0.1:${registry().port}/${name}:v1`, '--push', '--secret', 'id=token,env=TOKEN']
    const wanted = platforms.flatMap((platform) => ['--platform', platform])
    await expectBuilt(agentBuild(pod, [...flags, ...wanted, context], { TOKEN: secret }))
    return await contentsOf(name)
  }

  it('has used the secret, and holds it in no layer, config or attestation', async () => {
    const contents = await pushed('secret', ['linux/amd64'])
    expect(contents.filter((text) => text.includes(`amd64 ${secret.length}`))).toHaveLength(1)
    expect(contents.filter((text) => text.includes(secret))).toEqual([])
  })

  it.skipIf(whyNoArm64 !== undefined)(
    'for two platforms holds what each, one of them emulated, has built',
    async () => {
      const contents = await pushed('multi', ['linux/amd64', 'linux/arm64'])
      for (const architecture of ['amd64', 'arm64']) {
        expect(contents.filter((text) => text.includes(`${architecture} ${secret.length}`))).toHaveLength(1)
      }
    },
  )
})
