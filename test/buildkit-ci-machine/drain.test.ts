import { describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.js'
import { get } from '../support/http-raw.js'
import { Program } from '../support/program.js'
import { until } from '../support/until.js'
import { ciProgram, DaemonPod } from './scene.js'

async function listening(watch: string[] = []): Promise<{ pod: DaemonPod; port: number }> {
  const port = await freePort()
  const pod = await DaemonPod.start({ watch: ['--listen', `127.0.0.1:${port}`, '--settle', '0s', ...watch] })
  return { pod, port }
}

describe('/drain', () => {
  it('is answered once no build runs; meanwhile the daemon is ready, and nothing is ended', async () => {
    const { pod, port } = await listening()
    await pod.tell('begin a [1/1] RUN make')
    await until('the build is seen', async () => (await get(port, '/metrics')).body.includes('builds_running 1\n'))
    let answer: string | undefined
    const drained = get(port, '/drain').then(({ body }) => {
      answer = body
    })
    await pod.watcher.complained('draining: waiting for build a')
    await pod.looks(3)
    expect(pod.voice?.ready).toBe(true)
    expect(answer).toBeUndefined()
    await pod.tell('end a')
    await drained
    expect(answer).toBe('drained: no build runs\n')
    expect(await pod.guard.kill('SIGTERM')).toEqual({ code: 1, signal: null }) // buildkitd's own code
  })

  it('is answered at once by a daemon that hangs: its builds are lost already', async () => {
    const { pod, port } = await listening(['--api-answer', '1s'])
    await pod.tell('begin a [1/1] RUN make')
    await until('the build is seen', async () => (await get(port, '/metrics')).body.includes('builds_running 1\n'))
    await pod.tell('hang all')
    expect((await get(port, '/drain')).body).toMatch(/^drain ended: (the daemon does not answer|no daemon is there)\n$/)
  })

  it('ends with its client', async () => {
    const { pod, port } = await listening()
    await pod.tell('begin a [1/1] RUN make')
    await until('the build is seen', async () => (await get(port, '/metrics')).body.includes('builds_running 1\n'))
    const leave = new AbortController()
    const asked = fetch(`http://127.0.0.1:${port}/drain`, { signal: leave.signal }).catch(() => {})
    await pod.watcher.complained('draining: waiting for build a')
    leave.abort()
    await asked
    await pod.watcher.complained('drain cancelled: its client is gone')
  })
})

describe('buildkit-ci drain', () => {
  const run = (pod: DaemonPod, ...flags: string[]) =>
    Program.run(process.execPath, [ciProgram, 'drain', '--addr', `unix://${pod.socket}`, '--settle', '0s', ...flags])

  it('exits with 0 once no build runs, and with 4 if its time is over before', async () => {
    const pod = await DaemonPod.start()
    await pod.tell('begin a [1/1] RUN make')
    const hasty = run(pod, '--timeout', '1s')
    expect(await hasty.ended).toEqual({ code: 4, signal: null })
    expect(hasty.stderr).toContain('builds still run: a')
    const patient = run(pod)
    await patient.complained('draining: waiting for build a')
    await pod.tell('end a')
    expect(await patient.ended).toEqual({ code: 0, signal: null })
  })

  it('exits with 3 where no daemon is, and says what to check', async () => {
    const program = Program.run(process.execPath, [ciProgram, 'drain', '--addr', 'unix:///nonexistent/buildkitd.sock'])
    expect(await program.ended).toEqual({ code: 3, signal: null })
    expect(program.stderr).toContain('what to do: check --addr')
  })
})
