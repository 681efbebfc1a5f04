import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connect } from '../../../examples/kata-build-runner/api/connect.js'
import { runBuild } from '../../../examples/kata-build-runner/follow/attempts.js'
import { Fleet } from '../../../examples/kata-build-runner/follow/fleet.js'
import { Interruption } from '../../../examples/kata-build-runner/follow/interruption.js'
import { usualTiming } from '../../../examples/kata-build-runner/follow/timing.js'
import { anyBuildSelector } from '../../../examples/kata-build-runner/launch/names.js'
import { Histogram } from '../../../examples/kata-build-runner/metrics/exposition.js'
import { RunnerMetrics } from '../../../examples/kata-build-runner/metrics/runner-metrics.js'
import { boots, guardRuns, pullFails, scheduled } from '../../fakes/kube-api/index.js'
import { buildOf, Scene, Shown } from '../follow/scene.js'
import { result } from '../report/results.js'

const seriesOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length))
}

describe('metrics of a runner', () => {
  it('count builds by outcome and failure, set-ups, calls, retries and open breakers', async () => {
    const scene = await Scene.start(['launchAttempts: 1'])
    scene.kube.scenario('red-1', [...boots(), guardRuns({ steps: [{ exit: 3 }] })])
    scene.kube.scenario('typo-1', [scheduled(), pullFails()])
    scene.kube.faults.next('POST', /\/jobs/, { status: 500 }, 2)
    const metrics = new RunnerMetrics()
    const api = connect(scene.executor, { KUBECONFIG: scene.kube.kubeconfig }, { clock: scene.clock, metrics })
    const fleet = new Fleet(api, anyBuildSelector, metrics)
    fleet.start()
    const interruption = new Interruption()
    const around = { api, namespace: 'builds', fleet, timing: usualTiming, interruption, clock: scene.clock }
    const builds = ['green', 'red', 'typo'].map((id) => runBuild(around, scene.order(buildOf(id)), new Shown()))
    expect(seriesOf(metrics.text(), 'build_runner_builds_followed')).toBe(3)
    await scene.ending(Promise.all(builds))
    await fleet.stop()
    const text = metrics.text()
    const seen = (series: string) => seriesOf(text, series)
    expect(seen('build_runner_builds_followed')).toBe(0)
    expect(seen('build_runner_builds_total{outcome="succeeded",failure=""}')).toBe(1)
    expect(seen('build_runner_builds_total{outcome="failed",failure="step-failed"}')).toBe(1)
    expect(seen('build_runner_builds_total{outcome="failed",failure="image-name"}')).toBe(1)
    expect(seen('build_runner_builds_total{outcome="cancelled",failure=""}')).toBe(0)
    expect(seen('build_runner_setup_seconds_count')).toBe(2)
    expect(seen('build_runner_setup_seconds_bucket{le="+Inf"}')).toBe(2)
    expect(seen('build_runner_incomplete_logs_total')).toBe(0)
    expect(seen('build_runner_api_calls_total{verb="create",code="500"}')).toBe(2)
    expect(seen('build_runner_api_calls_total{verb="watch",code="ok"}')).toBe(2)
    expect(seen('build_runner_api_retries_total{verb="create"}')).toBe(2)
    expect(seen(`build_runner_breaker_open{server="${scene.kube.url}"}`)).toBe(0)
  })

  it('tell what is lost of logs', () => {
    const metrics = new RunnerMetrics()
    const log = { ...result().log, lostBytes: 7, isComplete: false }
    metrics.began()(result({ log, times: { created: '', started: '' } }))
    expect(seriesOf(metrics.text(), 'build_runner_lost_log_bytes_total')).toBe(7)
    expect(seriesOf(metrics.text(), 'build_runner_incomplete_logs_total')).toBe(1)
  })

  it('are in the form that Prometheus reads: help, type, and series with escaped values', () => {
    const metrics = new RunnerMetrics()
    metrics.called('list', 'a "b"\n\\c')
    const text = metrics.text()
    const series = /^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? \d+(\.\d+)?$/
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(line.startsWith('#') ? /^# (HELP|TYPE) / : series)
    expect(text).toContain('code="a \\"b\\"\\n\\\\c"')
    const histogram = new Histogram('h', 'x', [1, 2])
    for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value)
    expect(histogram.text().split('\n').slice(2, -1)).toEqual([
      ...['h_bucket{le="1"} 2', 'h_bucket{le="2"} 3', 'h_bucket{le="+Inf"} 4', 'h_sum 12', 'h_count 4'],
    ])
  })

  it('are served at /metrics, and nowhere else', async () => {
    const metrics = new RunnerMetrics()
    const server = createServer((request, response) => metrics.answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = (path: string, method = 'GET') =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { method })
    const answer = await at('/metrics')
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await answer.text()).toBe(metrics.text())
    expect([(await at('/')).status, (await at('/metrics', 'POST')).status]).toEqual([404, 405])
    server.close()
  })
})
