import { describe, expect, it } from 'vitest'
import { failureOf, lostNodeMs } from '../../../examples/kata-build-runner/watch/diagnose.js'
import { settleMs } from '../../../examples/kata-build-runner/watch/failure-after-start.js'
import { refusalPatienceMs } from '../../../examples/kata-build-runner/watch/failure-before-start.js'
import type { Observed } from '../../../examples/kata-build-runner/watch/observed.js'
import {
  event,
  image,
  inBuild,
  inInstaller,
  installed,
  job,
  limits,
  observed,
  of,
  pod,
  podInitializing,
  running,
  terminated,
  toldToStop,
  waiting,
} from './shapes.js'

const kindAfter = (seconds: number, shape: Partial<Observed>) =>
  failureOf(observed({ afterSeconds: seconds, ...shape }), limits)?.kind

/** Final exactly from this moment on. */
function expectFinalFrom(ms: number, kind: string, shape: Partial<Observed>) {
  expect(kindAfter(ms / 1000 - 1, shape)).toBeUndefined()
  expect(kindAfter(ms / 1000, shape)).toBe(kind)
}

describe('a pull', () => {
  const failed = (words: string, count: number) =>
    of(() => event('Pod', 'Failed', `Failed to pull image "${image}": ${words}`, { container: inBuild, count }))
  const pulling = (reason: string, words: string, count: number) => ({
    since: { pulling: 0 },
    pod: pod({ installer: installed, build: waiting(reason, words) }),
    events: failed(words, count),
  })
  const notFound = `rpc error: code = NotFound desc = ${image}: not found`

  it('that was answered once with "not found" may be answered otherwise', () => {
    expect(kindAfter(20, pulling('ErrImagePull', notFound, 1))).toBeUndefined()
    expect(kindAfter(20, pulling('ErrImagePull', notFound, 2))).toBe('image-name')
  })

  it('is told by its events, however they are repeated', () => {
    const once = () => event('Pod', 'Failed', `Failed to pull image "${image}": ${notFound}`, { container: inBuild })
    const series = () =>
      event('Pod', 'Failed', `Failed to pull image "${image}": ${notFound}`, {
        container: inBuild,
        count: undefined,
        series: { count: 2, lastObservedTime: '2026-11-24T10:00:40.000000Z' },
      })
    const shape = pulling('ImagePullBackOff', `Back-off pulling image "${image}"`, 0)
    expect(kindAfter(20, { ...shape, events: of(once) })).toBeUndefined()
    expect(kindAfter(20, { ...shape, events: of(once, once) })).toBe('image-name')
    expect(kindAfter(20, { ...shape, events: of(series) })).toBe('image-name')
  })

  it('of another container does not count', () => {
    const installer = () =>
      event('Pod', 'Failed', 'Failed to pull image "x": not found', { container: inInstaller, count: 9 })
    const shape = pulling('ErrImagePull', notFound, 1)
    expect(kindAfter(20, { ...shape, events: [...shape.events, installer()] })).toBeUndefined()
  })

  it('in a back-off without events waits for its limit', () => {
    const shape = { ...pulling('ImagePullBackOff', `Back-off pulling image "${image}"`, 1), events: [] }
    expectFinalFrom(limits.pullingMs, 'image-pull', shape)
  })

  it('whose registry is out of reach waits for its limit, whichever of its two states it is in', () => {
    const words = 'dial tcp 192.0.2.7:443: i/o timeout'
    expectFinalFrom(limits.pullingMs, 'image-pull', pulling('ErrImagePull', words, 30))
    expectFinalFrom(
      limits.pullingMs,
      'image-pull',
      pulling('ImagePullBackOff', `Back-off pulling image "${image}"`, 30),
    )
  })
})

describe('a Job whose pod is refused', () => {
  const refused = (message: string, more = of()) => ({
    job: job({ active: 0 }),
    events: [
      ...of(() => event('Job', 'FailedCreate', `Error creating: pods "web-1-" is forbidden: ${message}`)),
      ...more,
    ],
  })
  const noClass = 'pod rejected: RuntimeClass "kata" not found'

  it('definitely is given the time in which a pod of the next try would have been seen', () => {
    expectFinalFrom(refusalPatienceMs, 'runtime-class', refused(noClass))
  })

  it('for want of room waits for the limit of its stage', () => {
    expectFinalFrom(
      limits.createdMs,
      'quota',
      refused('exceeded quota: builds, requested: pods=1, used: pods=20, limited: pods=20'),
    )
  })

  it('and then is not, goes on', () => {
    const created = () =>
      event('Job', 'SuccessfulCreate', 'Created pod: web-1-x7k2p', {
        type: 'Normal',
        lastTimestamp: '2026-11-24T10:00:59Z',
      })
    expect(kindAfter(60, refused(noClass, [created()]))).toBeUndefined()
    expect(kindAfter(60, { ...refused(noClass), pod: pod({ node: null }) })).toBeUndefined()
  })

  it('is told by the newest of its events, in whatever order they are listed', () => {
    const [old] = refused(noClass).events
    const created = event('Job', 'SuccessfulCreate', 'Created pod: web-1-x7k2p', {
      type: 'Normal',
      lastTimestamp: '2026-11-24T10:00:59Z',
    })
    expect(kindAfter(60, { events: [created, old!] })).toBeUndefined()
    const first = { ...created, lastTimestamp: '2026-11-24T10:00:01Z' } as unknown as typeof created
    expect(kindAfter(60, { events: [old!, first] })).toBe('runtime-class')
  })

  it('is not confused with a Job of the same name before it', () => {
    const shape = refused(noClass)
    const others = shape.events.map((each) => ({ ...each, involvedObject: { ...each.involvedObject, uid: 'another' } }))
    expect(kindAfter(60, { ...shape, events: others })).toBeUndefined()
  })
})

describe('the stages', () => {
  const conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/3 nodes are available: 3 Insufficient cpu.',
    },
  ]

  it('each have a limit of their own', () => {
    const sandbox = { conditions: [{ type: 'PodReadyToStartContainers', status: 'True' }] }
    expectFinalFrom(limits.createdMs, 'stage-timeout', {})
    expectFinalFrom(limits.queuedMs, 'unschedulable', {
      since: { queued: 0 },
      pod: pod({ node: null, conditions }),
    })
    expectFinalFrom(limits.startingMs, 'stage-timeout', {
      since: { scheduled: 0 },
      pod: pod({ installer: podInitializing, build: podInitializing }),
    })
    expectFinalFrom(limits.initMs, 'stage-timeout', {
      since: { init: 0 },
      pod: pod({ installer: running, build: podInitializing, ...sandbox }),
    })
    expectFinalFrom(limits.startingMs, 'stage-timeout', {
      since: { starting: 0 },
      pod: pod({ installer: installed, build: waiting('PodInitializing') }),
    })
  })

  it('count from when this runner saw them, whatever the clock of the API server', () => {
    const metadata = { creationTimestamp: '2026-11-24T09:00:00Z' }
    expect(kindAfter(60, { since: { queued: 50_000 }, pod: pod({ node: null, conditions, metadata }) })).toBeUndefined()
  })

  it('have no limit once the build runs', () => {
    const shape = { since: { running: 0 }, pod: pod({ phase: 'Running', installer: installed, build: running }) }
    expect(kindAfter(1e6, shape)).toBeUndefined()
  })

  it('say what they waited for', () => {
    const failure = failureOf(
      observed({ afterSeconds: 4000, since: { queued: 0 }, pod: pod({ node: null, conditions }) }),
      limits,
    )
    expect(failure?.evidence).toContain('waited 1800 s in stage "queued"')
  })
})

describe('a docker sidecar', () => {
  it('that failed is started again, until the limit of its stage', () => {
    const docker = {
      started: false,
      restartCount: 1,
      state: waiting('CrashLoopBackOff'),
      lastState: terminated(1, 'Error'),
    }
    const conditions = [{ type: 'PodReadyToStartContainers', status: 'True' }]
    const shape = { since: { init: 0 }, pod: pod({ docker, build: podInitializing, conditions }) }
    expectFinalFrom(limits.initMs, 'installer', shape)
  })

  it('that failed at first and then came up is no trouble', () => {
    const docker = { started: true, restartCount: 1, state: running, lastState: terminated(1, 'Error') }
    const shape = { since: { starting: 0 }, pod: pod({ docker, installer: installed, build: podInitializing }) }
    expect(kindAfter(limits.startingMs / 1000, shape)).toBe('stage-timeout')
  })
})

describe('an end', () => {
  it('is not that of a node whose taint was taken back', () => {
    const eviction = (words: string) =>
      of(() => event('Pod', 'TaintManagerEviction', `${words} builds/web-1-x7k2p`, { type: 'Normal' }))
    const shape = { pod: pod({ phase: 'Failed', installer: installed, build: terminated(143, 'Error', toldToStop) }) }
    expect(kindAfter(60, { ...shape, events: eviction('Marking for deletion Pod') })).toBe('node-lost')
    expect(kindAfter(60, { ...shape, events: eviction('Cancelling deletion of Pod') })).toBe('signalled')
  })

  it('whose cause is not yet said is waited for, until the pod has ended, too', () => {
    const build = terminated(143, 'Error', toldToStop)
    const shape = { since: { ended: 0 }, pod: pod({ phase: 'Running', installer: installed, build }) }
    expectFinalFrom(settleMs, 'signalled', shape)
    expect(kindAfter(1, { ...shape, pod: pod({ phase: 'Failed', installer: installed, build }) })).toBe('signalled')
  })

  it('on a node that is cut off comes some time after the pod should be gone', () => {
    // The cluster's clock is years ahead of, or behind, the runner's, which alone counts.
    for (const deletionTimestamp of ['2020-01-01T00:00:00Z', '2030-01-01T00:00:00Z']) {
      const metadata = { deletionTimestamp, deletionGracePeriodSeconds: 30 }
      expectFinalFrom(30_000 + lostNodeMs, 'node-lost', {
        deletingSince: 0,
        pod: pod({ phase: 'Running', installer: installed, build: running, metadata }),
      })
    }
  })

  it('on a node that is cut off before the start is never retried: it may have started there', () => {
    const metadata = { deletionTimestamp: '2026-11-24T10:00:00Z' }
    const seen = observed({
      afterSeconds: 1000,
      since: { starting: 990_000 },
      deletingSince: 0,
      pod: pod({ installer: installed, build: podInitializing, metadata }),
    })
    expect(failureOf(seen, limits)).toMatchObject({ kind: 'node-lost', started: true, retry: false })
  })

  it('of a pod that was bound and then vanished counts as one after the start', () => {
    const bound = { installer: installed, build: podInitializing }
    expect(failureOf(observed({ pod: pod(bound), podVanished: true }), limits)).toMatchObject({
      started: true,
      retry: false,
    })
    expect(failureOf(observed({ pod: pod({ node: null }), podVanished: true }), limits)).toMatchObject({
      started: false,
    })
  })

  it('of a pod that its queue took back before the start is none', () => {
    const shape = {
      job: job({}, { suspend: true }),
      pod: pod({ phase: 'Failed', build: podInitializing, installer: podInitializing }),
    }
    expect(kindAfter(60, shape)).toBeUndefined()
    expect(kindAfter(60, { ...shape, jobVanished: true })).toBe('job-vanished')
  })

  it('of a cancelled build is none before it came', () => {
    expect(kindAfter(1e6, { cancelled: true })).toBeUndefined()
    expect(
      kindAfter(1e6, { cancelled: true, pod: pod({ phase: 'Running', installer: installed, build: running }) }),
    ).toBeUndefined()
  })
})
