/**
 * Many builds at once in the real buildkitd, with the watcher and what a careful user takes today beside it. It prints what it
 * measures: `LOAD=30` for so many builds.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.js'
import { get } from '../support/http-raw.js'
import { until } from '../support/until.js'
import { execProbe, grpcProbe, type Probed } from './kubelet-probes.js'
import { binaries, RealPod, whyNotReal } from './real.js'

const why = whyNotReal()
if (why !== undefined) console.error(`NOT TESTED: the watcher beside many builds of the real BuildKit: ${why}.`)

const count = Number(process.env['LOAD'] ?? 12)
/** Each build keeps a CPU busy for a while, and prints. */
const turn = 'echo turn $i; /bin/busybox dd if=/dev/zero bs=1M count=20 2>/dev/null | /bin/busybox sha256sum'
const work = `sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do ${turn}; done"`

/** Of a process, so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** What a limit of memory cannot take back: not the pages of files. */
function privateMiB(pid: number): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024
}

function rowOf(name: string, probed: readonly Probed[]): string {
  const sorted = probed.map(({ ms }) => ms).sort((a, b) => a - b)
  const [median, most] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!]
  const failed = probed.filter(({ passed }) => !passed).length
  return `| ${name} | ${median.toFixed(0)} ms | ${most.toFixed(0)} ms | ${failed} of ${probed.length} |`
}

describe.skipIf(why !== undefined)('beside many builds', () => {
  it('the watcher follows them all, tells nothing, and ends nothing', { timeout: 600_000 }, async () => {
    const port = await freePort()
    const pod = await RealPod.start(['--listen', `127.0.0.1:${port}`, '--told-after', '60s'])
    const metrics = async () => (await get(port, '/metrics')).body
    const before = { cpu: cpuSeconds(pod.watcher.pid), at: performance.now() }
    // A step of its own for each: equal steps are built once.
    const builds = Array.from({ length: count }, (_, index) => pod.build(`${work} build-${index}`))
    let running = true
    const ended = Promise.all(builds.map(({ ended }) => ended)).finally(() => {
      running = false
    })
    await until('all builds are followed', async () => (await metrics()).includes(`builds_running ${count}\n`))
    const probes: Record<'grpc' | 'exec' | 'metrics', Probed[]> = { grpc: [], exec: [], metrics: [] }
    while (running) {
      probes.grpc.push(await grpcProbe(pod.socket))
      probes.exec.push(await execProbe(join(binaries as string, 'buildctl'), pod.socket))
      const began = performance.now()
      await metrics()
      probes.metrics.push({ passed: true, ms: performance.now() - began })
      await setTimeout(100) // or the probes would be the load
    }
    const codes = await ended
    const seconds = (performance.now() - before.at) / 1000
    const share = ((cpuSeconds(pod.watcher.pid) - before.cpu) / seconds) * 100
    console.log(
      [
        `${count} builds in ${seconds.toFixed(1)} s`,
        '| asked | median | most | beyond 1 s |',
        '| --- | --- | --- | --- |',
        rowOf('grpc probe', probes.grpc),
        rowOf('buildctl debug workers', probes.exec),
        rowOf("the watcher's /metrics", probes.metrics),
        `the watcher took ${share.toFixed(1)} % of a CPU and ${privateMiB(pod.watcher.pid).toFixed(0)} MiB`,
      ].join('\n'),
    )
    expect(codes, builds.map(({ stderr }) => stderr.toString().slice(-500)).join('\n')).toEqual(codes.map(() => 0))
    expect(pod.watcher.stderr).not.toContain('stalled')
    expect(pod.guard.stderr).not.toContain('shm-guard: stalled')
    await until('none is left', async () => (await metrics()).includes('builds_running 0\n'))
  })
})
