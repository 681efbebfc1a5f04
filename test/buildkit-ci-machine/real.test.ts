import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RawJson } from '../../examples/buildkit-ci/progress/rawjson.js'
import { Program } from '../support/program.js'
import { grpcProbe } from './kubelet-probes.js'
import { binaries, contextOf, RealPod, whyNotReal } from './real.js'
import { ciProgram } from './scene.js'

const why = whyNotReal()
if (why !== undefined) console.error(`NOT TESTED: the watcher and the drain with the real BuildKit: ${why}.`)

describe.skipIf(why !== undefined)('the real buildkitd', () => {
  it('is healthy while it idles, and while a step is silent within its budget, which is told', async () => {
    const pod = await RealPod.start(['--told-after', '2s', '--ended-after', '60s'])
    const build = pod.build('sleep 6')
    await pod.watcher.complained('busybox sleep 6 for ')
    expect((await grpcProbe(pod.socket, 30)).passed, 'the grpc probe, which sees no step').toBe(true)
    expect(pod.watcher.stderr).toMatch(
      /stalled: no progress in \[\d\/\d\] RUN \/bin\/busybox sleep 6 for \ds, build \w+/,
    )
    expect(await build.ended, build.stderr.toString()).toBe(0)
    await pod.watcher.complained('goes on, or has ended')
    expect(pod.guard.stderr).not.toContain('shm-guard: stalled')
  })

  it('is ended when its only build is silent beyond its second budget, and the step is named', async () => {
    const pod = await RealPod.start(['--told-after', '1s', '--ended-after', '4s'])
    pod.build('sleep 600')
    expect(await pod.guard.ended).toEqual({ code: 120, signal: null })
    expect(pod.guard.stderr).toMatch(
      /stalled: builds last beat .* in phase "no progress in .*RUN \/bin\/busybox sleep 600 for \ds"/,
    )
  })

  it('is ended when it is stopped, since it answers no more', async () => {
    const pod = await RealPod.start(['--api-answer', '3s'])
    const [pid] = readFileSync(`/proc/${pod.guard.pid}/task/${pod.guard.pid}/children`, 'latin1').split(' ')
    process.kill(Number(pid), 'SIGSTOP')
    expect(await pod.guard.ended).toEqual({ code: 120, signal: null })
  })

  it('loses no build that was waited for by a drain', async () => {
    const pod = await RealPod.start()
    const build = pod.build('sleep 5')
    await build.shows('busybox sleep 5')
    const args = ['drain', '--addr', `unix://${pod.socket}`, '--settle', '1s', '--timeout', '60s']
    const drain = Program.run(process.execPath, [ciProgram, ...args])
    await drain.complained('draining: waiting for build')
    expect(await drain.ended, drain.stderr).toEqual({ code: 0, signal: null })
    pod.guard.send('SIGTERM')
    expect(await build.ended, build.stderr.toString()).toBe(0)
  })

  it('stops at once for its watcher: it keeps no call open', async () => {
    const pod = await RealPod.start()
    pod.guard.send('SIGTERM')
    await pod.guard.ended
    await pod.watcher.complained('buildkitd is not there')
  })

  it('writes progress of which each line is known', async () => {
    const pod = await RealPod.start()
    const build = pod.build('echo hello')
    expect(await build.ended, build.stderr.toString()).toBe(0)
    const items = new RawJson().push(build.stderr)
    expect(items.filter((item) => 'text' in item)).toEqual([])
    const output = items.flatMap((item) => ('output' in item ? item.output : [])).map(({ bytes }) => bytes.toString())
    expect(output.join('')).toContain('hello')
  })

  it('keeps a secret out of every layer of the image', async () => {
    const pod = await RealPod.start()
    const context = contextOf(
      'RUN --mount=type=secret,id=npm /bin/busybox cat /run/secrets/npm | /bin/busybox wc -c > /size',
    )
    const secret = 'a-secret-that-no-layer-may-hold'
    writeFileSync(join(pod.folder, 'npm'), secret)
    const image = join(pod.folder, 'image.tar')
    const local = ['--local', `context=${context}`, '--local', `dockerfile=${context}`]
    const args = ['--addr', `unix://${pod.socket}`, 'build', '--frontend', 'dockerfile.v0', ...local]
    const flags = ['--secret', `id=npm,src=${join(pod.folder, 'npm')}`]
    const output = ['--output', `type=oci,dest=${image},compression=uncompressed`]
    const build = Program.run(join(binaries as string, 'buildctl'), [...args, ...flags, ...output])
    expect(await build.ended, build.stderr).toEqual({ code: 0, signal: null })
    const bytes = readFileSync(image)
    expect(bytes.includes(`${secret.length}\n`)).toBe(true) // the step did read it
    expect(bytes.includes(secret)).toBe(false)
  })
})
