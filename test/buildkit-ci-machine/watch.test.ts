import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { watchContainer } from '../../examples/buildkit-ci/render/daemon/containers.js'
import { configOf } from '../buildkit-ci/config/samples.js'
import { until } from '../support/until.js'
import { DaemonPod } from './scene.js'

const stalledExit = { code: 120, signal: null }
const hung = (reason: string) => new RegExp(`stalled: builds last beat \\S+ ago \\(limit 1ms\\) in phase "${reason}"`)

describe('a daemon is ended, and the reason is named', () => {
  it('if it does not answer while its health service says SERVING; that is told before', async () => {
    const pod = await DaemonPod.start({ watch: ['--api-answer', '1s'] })
    await pod.tell('hang history')
    await pod.watcher.complained('stalled: no answer to ListenBuildHistory for ')
    expect(pod.guard.stderr).toBe('')
    expect(await pod.guard.ended).toEqual(stalledExit)
    expect(pod.guard.stderr).toMatch(hung('no answer to ListenBuildHistory for 1s'))
  })

  it('if its process is stopped', async () => {
    const pod = await DaemonPod.start({ watch: ['--api-answer', '1s'] })
    pod.guard.tell('begin a [1/1] RUN make')
    process.kill(pod.daemonPid, 'SIGSTOP')
    expect(await pod.guard.ended).toEqual(stalledExit)
    expect(pod.guard.stderr).toMatch(hung('no answer to \\w+ for 1s'))
  })

  it('if each of its builds is silent beyond its second budget; each is told before, by its step', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '500ms', '--ended-after', '2s'] })
    await pod.tell('begin a [build 4/9] RUN npm ci')
    await pod.tell('begin b [1/1] RUN make')
    await pod.watcher.complained('stalled: no progress in [build 4/9] RUN npm ci for 5')
    await pod.watcher.complained('stalled: no progress in [1/1] RUN make for 5')
    expect(pod.guard.stderr).toBe('')
    expect(await pod.guard.ended).toEqual(stalledExit)
    expect(pod.guard.stderr).toMatch(hung('no progress in \\[build 4/9\\] RUN npm ci for 2s'))
  })

  it('and a new life of it is watched anew', async () => {
    const pod = await DaemonPod.start({ flags: ['--restart', '3'], watch: ['--api-answer', '1s'] })
    await pod.tell('hang all')
    await pod.guard.said('listening')
    await until('the new life answers', () => pod.watcher.stderr.match(/buildkitd answers/g)?.length === 2)
    await pod.looks(5)
    await pod.expectDaemonAlive()
    expect(pod.guard.stderr.match(/restart \d\/3/g)).toEqual(['restart 1/3'])
  })
})

describe('a daemon is not ended', () => {
  it('while it idles', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '200ms', '--ended-after', '400ms'] })
    await pod.looks(20)
    expect(pod.voice).toMatchObject({ state: 'running', ready: true })
    expect(pod.guard.stderr).toBe('')
  })

  it('while one build makes progress beside a hung one, which is told and named', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '1s', '--ended-after', '2s'] })
    await pod.tell('begin hung [build 4/9] RUN npm ci')
    await pod.tell('begin well [1/1] RUN make')
    await pod.tell('chatter well [1/1] RUN make')
    await pod.watcher.complained('stalled: no progress in [build 4/9] RUN npm ci for 1s, build hung')
    await pod.looks(60) // three seconds and more: beyond the second budget
    await pod.expectDaemonAlive()
    expect(pod.watcher.stderr).not.toContain('RUN make')
    expect(pod.guard.stderr).toBe('')
  })

  it('when a step goes on that was told', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '500ms'] })
    await pod.tell('begin a [1/1] RUN make')
    await pod.watcher.complained('stalled: no progress in [1/1] RUN make')
    await pod.tell('output a [1/1] RUN make')
    await pod.watcher.complained('goes on, or has ended: no progress in [1/1] RUN make')
    expect(pod.guard.stderr).toBe('')
  })

  it('when it ends by itself: its exit code stays its own', async () => {
    const pod = await DaemonPod.start()
    pod.guard.tell('exit 5')
    expect(await pod.guard.ended).toEqual({ code: 5, signal: null })
    await pod.watcher.complained('buildkitd is not there')
  })
})

describe('the watcher harms no daemon', () => {
  it.each(['SIGSTOP', 'SIGKILL', 'SIGTERM'] as const)('if it gets %s', async (signal) => {
    const pod = await DaemonPod.start()
    await pod.looks(2)
    pod.watcher.send(signal)
    await until('the watcher is silent or gone', () => {
      const { state } = pod.voice ?? { state: 'gone' }
      return state !== 'running'
    })
    await pod.expectDaemonAlive()
    expect(pod.guard.stderr).toBe('')
  })

  it('if it is stopped in the midst of a build and goes on much later', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '1s', '--ended-after', '2s'] })
    await pod.tell('begin a [1/1] RUN make')
    await pod.tell('chatter a [1/1] RUN make')
    await pod.looks(2)
    pod.watcher.send('SIGSTOP')
    await until('three seconds of silence', () => (pod.voice?.ageMs ?? 0) > 3000)
    pod.watcher.send('SIGCONT')
    await pod.looks(5)
    await pod.expectDaemonAlive()
    expect(pod.guard.stderr).toBe('')
  })

  it('and another watcher takes its place', async () => {
    const pod = await DaemonPod.start({ watch: ['--api-answer', '1s'] })
    await pod.watcher.kill()
    await pod.startWatcher()
    await pod.tell('hang all')
    expect(await pod.guard.ended).toEqual(stalledExit)
  })
})

describe('the watcher', () => {
  it('takes no more than two thirds of the memory that its container has', async () => {
    const pod = await DaemonPod.start()
    for (let build = 0; build < 20; build++) {
      await pod.tell(`begin ${build} [1/1] RUN make`)
      await pod.tell(`chatter ${build} [1/1] RUN make`)
    }
    await pod.looks(20)
    const status = readFileSync(`/proc/${pod.watcher.pid}/status`, 'latin1')
    // Not the pages of files: the kernel takes those back.
    const usedMiB = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1024
    const { memory = '' } = watchContainer(configOf()).resources?.limits ?? {}
    expect(usedMiB).toBeLessThan(Number(/^(\d+)Mi$/.exec(memory)?.[1]) * (2 / 3))
  })
})
