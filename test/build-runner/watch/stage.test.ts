import { describe, expect, it } from 'vitest'
import type { Observed } from '../../../examples/kata-build-runner/watch/observed.js'
import { stageOf } from '../../../examples/kata-build-runner/watch/stage.js'
import {
  event,
  image,
  inBuild,
  inInstaller,
  installed,
  job,
  observed,
  of,
  pod,
  podInitializing,
  running,
  terminated,
  waiting,
} from './shapes.js'

const stage = (shape: Partial<Observed>) => stageOf(observed(shape))
const sandbox = [{ type: 'PodReadyToStartContainers', status: 'True' }]
const normal = (reason: string, message: string, container: string) => () =>
  event('Pod', reason, message, { container, type: 'Normal' })

describe('the stage of a build', () => {
  it('is created, as long as there is no pod', () => {
    expect(stage({})).toEqual({ stage: 'created', detail: 'waits for its pod' })
    expect(stage({ job: job({}, { suspend: true }) }).detail).toBe('suspended')
    expect(
      stage({ job: job({}, { suspend: true }, { labels: { 'kueue.x-k8s.io/queue-name': 'builds' } }) }).detail,
    ).toContain('queue builds')
    const events = of(() =>
      event('Job', 'FailedCreate', 'Error creating: pods "web-1-" is forbidden: exceeded quota: builds'),
    )
    expect(stage({ events }).detail).toContain('exceeded quota')
  })

  it('is queued, as long as the pod has no node', () => {
    const conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: '0/3 nodes are available: 3 Insufficient cpu.',
      },
    ]
    expect(stage({ pod: pod({ node: null, conditions }) })).toEqual({
      stage: 'queued',
      detail: '0/3 nodes are available: 3 Insufficient cpu.',
    })
  })

  it('is scheduled, as long as there is no sandbox', () => {
    const shape = { installer: podInitializing, build: podInitializing }
    expect(stage({ pod: pod(shape) })).toEqual({ stage: 'scheduled', detail: 'on kata-7' })
    expect(stage({ pod: pod() }).stage).toBe('scheduled')
    expect(
      stage({ pod: pod({ ...shape, conditions: [{ type: 'PodReadyToStartContainers', status: 'False' }] }) }).stage,
    ).toBe('scheduled')
  })

  it('is pulling from the event until the image is there, for each container', () => {
    const shape = { installer: podInitializing, build: podInitializing, conditions: sandbox }
    const pulling = normal('Pulling', 'Pulling image "registry.example/shm-liveness:1"', inInstaller)
    const pulled = normal('Pulled', 'Successfully pulled image "registry.example/shm-liveness:1" in 1.2s', inInstaller)
    expect(stage({ pod: pod(shape), events: of(pulling) })).toEqual({
      stage: 'pulling',
      detail: 'registry.example/shm-liveness:1',
      container: 'shm-liveness-install',
    })
    expect(stage({ pod: pod(shape), events: of(pulling, pulled) })).toEqual({
      stage: 'init',
      detail: 'shm-liveness-install',
      container: 'shm-liveness-install',
    })
    const next = { installer: installed, build: podInitializing, conditions: sandbox }
    const again = normal('Pulling', `Pulling image "${image}"`, inBuild)
    expect(stage({ pod: pod(next), events: of(pulling, pulled, again) })).toEqual({
      stage: 'pulling',
      detail: image,
      container: 'build',
    })
  })

  it('is pulling, while a pull fails', () => {
    const build = waiting('ErrImagePull', 'not found')
    expect(stage({ pod: pod({ installer: installed, build }) })).toEqual({
      stage: 'pulling',
      detail: `${image}: ErrImagePull`,
      container: 'build',
    })
  })

  it('is init, while the docker sidecar or the installer runs', () => {
    const shape = { installer: podInitializing, build: podInitializing, conditions: sandbox }
    const docker = (started: boolean) => ({ started, state: running })
    expect(stage({ pod: pod({ ...shape, docker: docker(false) }) })).toEqual({
      stage: 'init',
      detail: 'docker',
      container: 'docker',
    })
    expect(stage({ pod: pod({ ...shape, docker: docker(true) }) })).toEqual({
      stage: 'init',
      detail: 'shm-liveness-install',
      container: 'shm-liveness-install',
    })
    expect(stage({ pod: pod({ installer: running, build: podInitializing }) }).stage).toBe('init')
  })

  it('is starting, while the build container is made', () => {
    expect(stage({ pod: pod({ installer: installed, build: podInitializing }) })).toEqual({
      stage: 'starting',
      detail: 'PodInitializing',
    })
    expect(
      stage({
        pod: pod({ installer: installed, build: waiting('CreateContainerConfigError', 'secret "x" not found') }),
      }).detail,
    ).toContain('secret "x"')
  })

  it('is running, also while the pod is being deleted', () => {
    const metadata = { deletionTimestamp: '2026-11-24T10:06:00Z' }
    expect(stage({ pod: pod({ phase: 'Running', installer: installed, build: running, metadata }) })).toEqual({
      stage: 'running',
    })
  })

  it('is ended with the container, the pod, the Job, or their absence', () => {
    const built = pod({
      phase: 'Running',
      docker: { started: true, state: running },
      installer: installed,
      build: terminated(0, 'Completed'),
    })
    expect(stage({ pod: built }).stage).toBe('ended')
    expect(stage({ pod: pod({ phase: 'Failed', reason: 'Evicted' }) }).stage).toBe('ended')
    expect(
      stage({ job: job({ conditions: [{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }] }) }).stage,
    ).toBe('ended')
    expect(stage({ job: job({ conditions: [{ type: 'Failed', status: 'False' }] }) }).stage).toBe('created')
    expect(stage({ jobVanished: true }).stage).toBe('ended')
    expect(stage({ pod: pod({ build: running }), podVanished: true }).stage).toBe('ended')
  })

  it('has no control characters from the cluster', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', message: 'a\u001b]0;title\u0007b\nc' }]
    expect(stage({ pod: pod({ node: null, conditions }) }).detail).toBe('a\ufffd]0;title\ufffdb c')
  })
})
