import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { probePath } from 'shm-liveness'
import { wire } from 'shm-liveness/kubernetes'
import { afterAll } from 'vitest'
import type { FakeCluster, FakePod } from '../fixtures/kubectl.js'

const fixture = new URL('../../dist-programs/test/fixtures/kubectl.js', import.meta.url).pathname

/** A cluster that a program called `kubectl` speaks for, on the PATH of this process until the tests are over. */
export class FakeKubectl {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kubectl-'))
  readonly #cluster: FakeCluster = { pods: [], containers: {} }
  readonly folder = this.#folder

  constructor() {
    const script = join(this.#folder, 'kubectl')
    writeFileSync(script, `#!/bin/sh\nexec '${process.execPath}' '${fixture}' "$@"\n`)
    chmodSync(script, 0o755)
    this.forgetCalls()
    this.#write()
    const before = { ...process.env }
    Object.assign(process.env, this.env)
    afterAll(() => {
      for (const name of Object.keys(this.env)) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
      rmSync(this.#folder, { recursive: true })
    })
  }

  get env(): Record<string, string> {
    return {
      PATH: `${this.#folder}:${process.env['PATH']}`,
      FAKE_KUBECTL: join(this.#folder, 'cluster.json'),
      FAKE_KUBECTL_LOG: join(this.#folder, 'calls'),
    }
  }

  /** The arguments of each call so far. */
  get calls(): string[][] {
    const lines = readFileSync(this.env['FAKE_KUBECTL_LOG'] as string, 'utf8').trim()
    return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line))
  }

  get execs(): string[][] {
    return this.calls.filter((args) => args.includes('exec'))
  }

  forgetCalls(): void {
    writeFileSync(this.env['FAKE_KUBECTL_LOG'] as string, '')
  }

  add(pod: FakePod, containers: FakeCluster['containers'] = {}): void {
    this.#cluster.pods.push(pod)
    for (const [name, what] of Object.entries(containers)) {
      this.#cluster.containers[`${pod.metadata.name}/${name}`] = what
    }
    this.#write()
  }

  #write(): void {
    writeFileSync(this.env['FAKE_KUBECTL'] as string, JSON.stringify(this.#cluster))
  }
}

interface PodParts {
  namespace?: string
  labels?: Record<string, string>
  /** Of the container `camera`. */
  state?: object
}

export const running = { running: { startedAt: '2026-01-01T00:00:00Z' } }

/** A pod as `wire` makes it, with the status that a kubelet gives it. */
export function wiredPod(name: string, options: Parameters<typeof wire>[1] = {}, parts: PodParts = {}): FakePod {
  const { namespace = 'default', labels = {}, state = running } = parts
  const containers = [{ name: 'camera', image: 'camera:1', command: ['node', 'camera.js'] }]
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels }, spec: { containers } }
  return { ...wire(pod, options), status: { phase: 'Running', containerStatuses: [{ name: 'camera', state }] } }
}

/** A container in which shm-probe runs, with regions of its own. */
export function container(env: Record<string, string>) {
  return { program: probePath(), env }
}
