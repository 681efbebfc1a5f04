import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { proxyConfig } from '../../examples/buildkit-ci/registry/local/distribution-config.js'
import { LocalRegistry } from '../../examples/buildkit-ci/registry/local/local-registry.js'
import { useArm64 } from '../support/emulation.js'
import { freePort } from '../support/free-port.js'
import { whyNotWith } from '../support/needs.js'
import { OciLayout } from '../support/oci-layout.js'
import { podmanEnvironment, whyNoPodman } from '../support/podman.js'
import { Program } from '../support/program.js'
import { skopeo } from '../support/skopeo.js'
import { until } from '../support/until.js'
import { useRegistry } from './use-registry.js'

const registries = { 'docker-registry': 'docker-registry', skopeo: 'skopeo' }
const whyNoRegistry = whyNotWith('registries', registries)
const whyNoBuild = whyNoPodman ?? whyNotWith('builds by buildah', { ...registries, buildah: 'buildah' }) ?? whyNoGo()
const whyNoArm64 = useArm64()
if (whyNoArm64 !== undefined) console.error(`\nSKIPPED the build for arm64: ${whyNoArm64}\n`)

function whyNoGo(): string | undefined {
  if (spawnSync('go', ['version']).error === undefined) return undefined
  console.error('\nSKIPPED the tests of builds by buildah: no go (Debian: apt-get install golang-go)\n')
  return 'no go'
}

const run = promisify(execFile)
const { folder, registry } = useRegistry(whyNoRegistry)
const main = join(import.meta.dirname, '../../dist-programs/examples/buildkit-ci/main.js')

describe.skipIf(whyNoRegistry !== undefined)('a pull-through proxy', () => {
  it('pulls once from its upstream, and serves what it has while the upstream is away', async () => {
    const upstream = await LocalRegistry.start({
      ...{ program: 'docker-registry', storageDirectory: join(folder, 'upstream') },
      ...{ host: '127.0.0.1', port: 0, pushWindowMs: 3_600_000 },
    })
    const layout = new OciLayout(join(folder, 'layout'))
    const { digest } = layout.image('v1', { layerBytes: [100_000] })
    await skopeo('copy', `oci:${layout.folder}:v1`, `docker://127.0.0.1:${upstream.port}/app:v1`)
    const port = await freePort()
    const options = { listen: `127.0.0.1:${port}`, storageDirectory: join(folder, 'proxy') }
    const config = join(folder, 'proxy.yaml')
    writeFileSync(config, stringify(proxyConfig({ ...options, upstreamUrl: `http://127.0.0.1:${upstream.port}` })))
    Program.run('docker-registry', ['serve', config])
    await until('the proxy answers', () =>
      fetch(`http://127.0.0.1:${port}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    const pulled = `docker://127.0.0.1:${port}/app`
    await skopeo('copy', `${pulled}:v1`, `dir:${join(folder, 'first')}`)
    await upstream.stop()
    // A blob is kept in the background, after the answer.
    await until('the proxy has all of it', () =>
      skopeo('copy', `${pulled}@${digest}`, `dir:${join(folder, 'second')}`).then(
        () => true,
        () => false,
      ),
    )
  })
})

describe.skipIf(whyNoRegistry !== undefined)('buildkit-ci clean, of a real registry', () => {
  it('says what it would delete, deletes it when it is told to, and the collector frees the space', async () => {
    const layout = new OciLayout(join(folder, 'clean'))
    const { digest } = layout.image('pr-1', { created: '2020-01-01T00:00:00Z' })
    layout.image('pr-2')
    for (const tag of ['pr-1', 'pr-2']) {
      await skopeo('copy', `oci:${layout.folder}:${tag}`, `docker://127.0.0.1:${registry().port}/shop:${tag}`)
    }
    const policy = join(folder, 'policy.yaml')
    writeFileSync(policy, 'rules: [{ name: old, repositories: [shop], tags: [pr-*], olderThan: 24h }]\n')
    const clean = (...flags: string[]) =>
      Program.run(process.execPath, [main, 'clean', `127.0.0.1:${registry().port}`, '--policy', policy, ...flags])
    const dry = clean()
    expect(await dry.ended).toMatchObject({ code: 0 })
    expect(dry.lines).toEqual([
      expect.stringMatching(new RegExp(`^would delete shop@${digest} \\(pr-1\\): rule old: \\d+d old, more than 24h$`)),
    ])
    const real = clean('--delete')
    expect(await real.ended).toMatchObject({ code: 0 })
    expect(real.lines[0]).toContain(`deleted shop@${digest} (pr-1)`)
    expect(await skopeo('list-tags', `docker://127.0.0.1:${registry().port}/shop`)).not.toContain('pr-1')
    registry().gate.pushes.completed(
      'shop',
      registry()
        .gate.pushes.parts()
        .map((part) => part.digest),
    )
    expect(await registry().collect()).toMatchObject({ state: 'collected', blobs: 3 })
  })
})

const secret = 'a-secret-that-no-layer-may-hold'
const program = `package main

import (
	"os"
	"runtime"
)

func main() {
	secret, _ := os.ReadFile("/run/secrets/token")
	length := string(rune('0' + len(secret)/10)) + string(rune('0' + len(secret)%10))
	if os.WriteFile("/built", []byte(runtime.GOARCH+" "+length), 0644) != nil {
		os.Exit(1)
	}
}
`

/** Builds for these platforms, pushes, and gives what is in the image: every layer and every config, unpacked. */
async function built(name: string, platforms: string[], containerfile: string): Promise<string[]> {
  const context = join(folder, name)
  mkdirSync(context)
  writeFileSync(join(context, 'main.go'), program)
  writeFileSync(join(context, 'token'), secret)
  for (const platform of platforms) {
    const GOARCH = platform.split('/')[1] as string
    const env = { ...process.env, GOARCH, CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GO111MODULE: 'off' }
    await run('go', ['build', '-ldflags', '-s -w', '-o', `program-${GOARCH}`, 'main.go'], { cwd: context, env })
  }
  writeFileSync(join(context, 'Containerfile'), containerfile)
  const image = `localhost/${name}:test`
  // Not synchronously: the gate of the registry is in this process.
  const buildah = (...args: string[]) => run('buildah', args, { env: { ...process.env, ...podmanEnvironment } })
  await buildah(
    ...['build', '--isolation', 'chroot', '--platform', platforms.join(','), '--manifest', image],
    '--secret',
    `id=token,src=${join(context, 'token')}`,
    context,
  )
  const pushed = `docker://127.0.0.1:${registry().port}/${name}:v1`
  await buildah('manifest', 'push', '--all', '--tls-verify=false', image, pushed)
  const target = join(folder, `${name}-pulled`)
  await skopeo('copy', '--all', pushed, `dir:${target}`)
  return readdirSync(target).map((file) => {
    const bytes = readFileSync(join(target, file))
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('latin1')
  })
}

describe.skipIf(whyNoBuild !== undefined)('an image that is built', { timeout: 120_000 }, () => {
  const build = 'RUN --mount=type=secret,id=token ["/program"]'

  it.skipIf(whyNoArm64 !== undefined)(
    'for two platforms holds what each platform, one of them emulated, has built',
    async () => {
      const contents = await built(
        'multi',
        ['linux/amd64', 'linux/arm64'],
        `FROM scratch\nARG TARGETARCH\nCOPY program-$TARGETARCH /program\n${build}\n`,
      )
      const index = contents
        .map((text) => (text.startsWith('{') ? JSON.parse(text) : {}))
        .find(({ manifests }) => manifests !== undefined)
      expect(
        index.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture).sort(),
      ).toEqual(['amd64', 'arm64'])
      for (const architecture of ['amd64', 'arm64']) {
        expect(contents.filter((text) => text.includes(`${architecture} ${secret.length}`))).toHaveLength(1)
      }
      expect(contents.filter((text) => text.includes(secret))).toEqual([])
    },
  )

  it('with a secret has used it, and holds it in no layer and no config', async () => {
    const contents = await built('secret', ['linux/amd64'], `FROM scratch\nCOPY program-amd64 /program\n${build}\n`)
    expect(contents.some((text) => text.includes(`amd64 ${secret.length}`))).toBe(true)
    expect(contents.filter((text) => text.includes(secret))).toEqual([])
  })

  it('with a secret that was copied holds it: that would be seen', async () => {
    const contents = await built(
      'leaking',
      ['linux/amd64'],
      `FROM scratch\nCOPY program-amd64 /program\nCOPY token /run/secrets/token\nRUN ["/program"]\n`,
    )
    expect(contents.filter((text) => text.includes(secret))).not.toEqual([])
  })
})
