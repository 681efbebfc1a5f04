/** `follow-builds BUILDS KUBECONFIG`: launches and follows so many builds at once; what came of it, and what it took, as JSON. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from '../../examples/kata-build-runner/api/connect.js'
import { collectSooner } from '../../examples/kata-build-runner/cli/memory.js'
import { readBuildFile } from '../../examples/kata-build-runner/config/build-file.js'
import { readExecutorConfig } from '../../examples/kata-build-runner/config/executor-config.js'
import { runBuild } from '../../examples/kata-build-runner/follow/attempts.js'
import { Fleet } from '../../examples/kata-build-runner/follow/fleet.js'
import { Interruption } from '../../examples/kata-build-runner/follow/interruption.js'
import type { Display } from '../../examples/kata-build-runner/follow/surroundings.js'
import { usualTiming } from '../../examples/kata-build-runner/follow/timing.js'
import { anyBuildSelector } from '../../examples/kata-build-runner/launch/names.js'
import { systemClock } from '../../examples/kata-build-runner/model/clock.js'
import { route } from '../../examples/kata-build-runner/routing/route.js'
import { idOf } from '../support/sample-builds.js'

export interface Read {
  outcome: string
  attempt: number
  /** Received, the guard's lines included. */
  bytes: number
  lostBytes: number
  isComplete: boolean
  reconnects: number
  /** SHA-256 of the output that was shown. */
  digest: string
}

export interface Followed {
  peakKb: number
  cpuMs: number
  wallMs: number
  builds: Record<string, Read>
}

collectSooner()
const [builds = '', kubeconfig = ''] = process.argv.slice(2)
const namespace = 'builds'
const config = readExecutorConfig(
  JSON.stringify({ executor: { k8s: { options: { kubernetes: { jobsNamespace: namespace } } } } }),
  'executor.yaml',
)
const [executor] = [...config.executors.values()]
if (executor === undefined) throw new Error('the config has no executor')
const api = connect(executor, { KUBECONFIG: kubeconfig })
const fleet = new Fleet(api, anyBuildSelector)
fleet.start()
const around = {
  ...{ api, namespace, fleet, timing: usualTiming, interruption: new Interruption() },
  clock: systemClock,
}

async function follow(id: string): Promise<[string, Read]> {
  const steps = ['prepare', 'work'].map((name) => ({ name, argv: ['/work'] }))
  const build = readBuildFile(JSON.stringify({ id, image: 'node:20', steps }), id)
  const hash = createHash('sha256')
  const display: Display = {
    output: (bytes) => {
      hash.update(bytes)
    },
    progress: { stage() {}, step() {} },
    say: (text) => console.error(`${id}: ${text}`),
  }
  const result = await runBuild(around, { build, route: route(build, config), secretValues: {} }, display)
  const { outcome, attempt, log } = result
  const { bytes, lostBytes, isComplete, reconnects } = log
  return [id, { outcome, attempt, bytes, lostBytes, isComplete, reconnects, digest: hash.digest('hex') }]
}

const began = performance.now()
const read = await Promise.all(Array.from({ length: Number(builds) }, (_, index) => follow(idOf(index + 1))))
const wallMs = performance.now() - began
await fleet.stop()
const { user, system } = process.cpuUsage()
const followed: Followed = {
  peakKb: Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
  ...{ cpuMs: (user + system) / 1000, wallMs, builds: Object.fromEntries(read) },
}
console.log(JSON.stringify(followed))
