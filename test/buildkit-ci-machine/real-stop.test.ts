/** Why a drain goes before SIGTERM, with the real buildkitd and buildx. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { afterTests } from '../support/after-tests.js'
import { marked } from '../support/left-behind.js'
import { whyNotWith } from '../support/needs.js'
import { Program } from '../support/program.js'
import { until } from '../support/until.js'
import { buildx, RealPod, whyNotBuildx } from './real.js'
import { ciProgram } from './scene.js'
import { useRegistry } from './use-registry.js'

const whyNone = whyNotBuildx()
if (whyNone !== undefined) console.error(`NOT TESTED: a stop of the real buildkitd: ${whyNone}.`)
const why = whyNone ?? whyNotWith('a stop of the real buildkitd', { 'docker-registry': 'docker-registry' })

const { folder, registry } = useRegistry(why)

const closing: (() => void)[] = []
afterTests(() => {
  for (const close of closing.splice(0)) close()
})

/** The registry at another port, where manifests are held back until they are released. */
async function heldRegistry(): Promise<{ port: number; isAsked: () => boolean; release: () => void }> {
  let isAsked = false
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const server = createServer(async (request, response) => {
    const isManifest = request.url?.includes('/manifests/')
    if (isManifest) isAsked = true
    if (isManifest) await released
    const { method, url, headers } = request
    const passed = send({ host: '127.0.0.1', port: registry().port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    release()
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, isAsked: () => isAsked, release }
}

/** A build by buildx that looks up its base image, in a registry that does not answer. */
async function waitingBuild(pod: RealPod) {
  const base = pod.build('true', ['--output', `type=image,name=127.0.0.1:${registry().port}/base:1,push=true`])
  expect(await base.ended, base.stderr.toString()).toBe(0)
  const held = await heldRegistry()
  const context = mkdtempSync(join(folder, 'context-'))
  writeFileSync(join(context, 'Dockerfile'), `FROM 127.0.0.1:${held.port}/base:1\nRUN ["/bin/busybox", "true"]\n`)
  const env = { ...marked, HOME: pod.folder }
  const run = (...args: string[]) => Program.run(buildx as string, args, env)
  const created = run('create', '--name', 'test', '--driver', 'remote', `unix://${pod.socket}`)
  expect(await created.ended, created.stderr).toEqual({ code: 0, signal: null })
  const build = run('build', '--builder', 'test', '--progress', 'plain', context)
  await until('the build asks for its base image', held.isAsked)
  return { build, release: held.release }
}

describe.skipIf(why !== undefined)('the real buildkitd', () => {
  it('loses a build at SIGTERM whose client has not returned its result yet: the reason for a drain', async () => {
    const pod = await RealPod.start()
    const { build, release } = await waitingBuild(pod)
    pod.guard.send('SIGTERM')
    await until('no listener', () => !existsSync(pod.socket))
    release()
    const { code } = await build.ended
    expect(code, 'the build survived: BuildKit may take calls of running builds at its end now').not.toBe(0)
    expect(build.stderr).toMatch(/Unavailable|DeadlineExceeded/)
  })

  it('loses no build that a drain has waited for, not even such a one', async () => {
    const pod = await RealPod.start()
    const { build, release } = await waitingBuild(pod)
    const args = ['drain', '--addr', `unix://${pod.socket}`, '--settle', '1s', '--timeout', '60s']
    const drain = Program.run(process.execPath, [ciProgram, ...args])
    await drain.complained('draining: waiting for build')
    release()
    expect(await drain.ended, drain.stderr).toEqual({ code: 0, signal: null })
    pod.guard.send('SIGTERM')
    expect(await build.ended, build.stderr).toEqual({ code: 0, signal: null })
  })
})
