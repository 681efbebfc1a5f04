import { lint, rules } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, podOf } from '../support/manifests.js'
import {
  exec,
  idsOf,
  livenessProbe,
  one,
  other,
  readinessProbe,
  regionOf,
  startupProbe,
  variables,
  watched,
} from '../support/watched-pods.js'

const guard = ['/usr/bin/shm-guard', '--', 'camera']
const memory = { name: 'shm', emptyDir: { medium: 'Memory' } }
const atShm = { volumeMounts: [{ name: 'shm', mountPath: '/dev/shm' }] }
const listens = (port: number, region: string) =>
  variables({ SHM_LIVENESS_REGION: region, SHM_LIVENESS_LISTEN: `0.0.0.0:${port}` })
const byHttp = (port: number) => {
  const { exec: _, ...timing } = livenessProbe
  return { ...timing, httpGet: { path: '/livez', port } }
}
const installed = { volumeMounts: [{ name: 'bin', mountPath: '/hb', readOnly: true }] }
const fromBin = {
  startupProbe: null,
  readinessProbe: null,
  livenessProbe: { ...livenessProbe, exec: { command: ['/hb/shm-probe', '--termination-log'] } },
}
const installing = container({
  name: 'i',
  command: ['/shm-probe', '--install', '/hb'],
  volumeMounts: [{ name: 'bin', mountPath: '/hb' }],
})
const bin = [{ name: 'bin', emptyDir: {} }]
const full = { resources: { limits: { cpu: 1, memory: '1Gi' }, requests: { 'ephemeral-storage': '1Gi' } } }
const kata = { runtimeClassName: 'kata-qemu' }

/** For each rule pods that trip it, and beside each the nearest one that does not. */
const cases: [rule: string, trips: object, passes: object][] = [
  [
    'no-startup-probe',
    one({ startupProbe: null, livenessProbe: { ...livenessProbe, initialDelaySeconds: 10 } }),
    one({ startupProbe: null, livenessProbe: { ...livenessProbe, initialDelaySeconds: 9 } }),
  ],
  [
    'no-startup-probe',
    one({ startupProbe: null, env: variables({ SHM_LIVENESS_STARTUP_GRACE: '61s' }) }),
    one({ startupProbe: null, env: variables({ SHM_LIVENESS_STARTUP_GRACE: '60s' }) }),
  ],
  [
    'startup-period',
    one({ startupProbe: { ...startupProbe, periodSeconds: 4 } }),
    one({ startupProbe: { ...startupProbe, periodSeconds: 5 } }),
  ],
  [
    'startup-before-grace',
    one({ env: variables({ SHM_LIVENESS_STARTUP_GRACE: '16s' }) }),
    one({ env: variables({ SHM_LIVENESS_STARTUP_GRACE: '15s' }) }),
  ],
  [
    'liveness-before-readiness',
    one({ readinessProbe: { ...readinessProbe, failureThreshold: 3 } }),
    one({ readinessProbe: { ...readinessProbe, failureThreshold: 2 } }),
  ],
  [
    'exec-timeout',
    one({ readinessProbe: { ...readinessProbe, timeoutSeconds: 1 } }),
    one({ readinessProbe: { ...readinessProbe, timeoutSeconds: 2 } }),
  ],
  [
    'exec-timeout',
    one({ startupProbe: { ...exec('--termination-log'), periodSeconds: 5 } }),
    one({ livenessProbe: { ...byHttp(80), timeoutSeconds: 1 } }),
  ],
  [
    'confirm-timeout',
    one({ livenessProbe: { ...livenessProbe, ...exec('--termination-log', '--timeout', '3s') } }),
    one({ livenessProbe: { ...livenessProbe, ...exec('--termination-log', '--timeout', '2s') } }),
  ],
  [
    'failure-threshold',
    one({ livenessProbe: { ...livenessProbe, periodSeconds: 9, failureThreshold: 1 } }),
    one({ readinessProbe: { ...readinessProbe, failureThreshold: 1 } }),
  ],
  [
    'termination-grace',
    one({ livenessProbe: { ...livenessProbe, terminationGracePeriodSeconds: undefined as never } }),
    one(
      { livenessProbe: { ...livenessProbe, terminationGracePeriodSeconds: undefined as never } },
      { terminationGracePeriodSeconds: 30 },
    ),
  ],
  [
    'max-age-beyond-probe',
    one({ env: variables({ SHM_LIVENESS_MAX_AGE: '4001ms' }) }),
    one({ env: variables({ SHM_LIVENESS_MAX_AGE: '4s' }) }),
  ],
  ['guard-grace', one({ command: guard }), one({ command: ['/usr/bin/shm-guard', '--grace', '2s', '--', 'camera'] })],
  [
    'guard-grace',
    one({ command: ['shm-guard', '--grace=2001ms', '--', 'a'] }),
    one({ command: guard, env: variables({ SHM_LIVENESS_GRACE: '2s' }) }),
  ],
  [
    'exec-cost',
    one(
      {
        livenessProbe: { ...livenessProbe, periodSeconds: 1, failureThreshold: 9 },
        readinessProbe: { ...readinessProbe, periodSeconds: 1 },
      },
      { initContainers: [other({ restartPolicy: 'Always' })] },
    ),
    podOf({ containers: [watched(), other()] }),
  ],
  ['identical-probes', one({ readinessProbe: { ...readinessProbe, exec: livenessProbe.exec } }), one({})],
  [
    'file-probe',
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['cat', '/tmp/healthy'] } } }),
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/bin/healthy'] } } }),
  ],
  [
    'file-probe',
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/bin/sh', '-ec', ' test -f /tmp/healthy'] } } }),
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/bin/sh', '-c', 'pg_isready -U postgres'] } } }),
  ],
  [
    'exec-is-no-shell',
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/usr/bin/shm-probe --check liveness'] } } }),
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/usr/bin/shm-probe', '--check liveness'] } } }),
  ],
  [
    'termination-log',
    one({ livenessProbe: { ...livenessProbe, ...exec() } }),
    one({ livenessProbe: { ...livenessProbe, ...exec('--termination-log=/tmp/log') } }),
  ],
  [
    'termination-log',
    one({ startupProbe: { ...startupProbe, ...exec('--check', 'startup') } }),
    one({
      startupProbe: { ...startupProbe, ...exec('--check', 'startup') },
      env: variables({ SHM_LIVENESS_TERMINATION_LOG: '1' }),
    }),
  ],
  [
    'termination-log-path',
    one({ livenessProbe: { ...livenessProbe, ...exec('--termination-log=/tmp/log') } }),
    one({}),
  ],
  [
    'invalid-probe',
    one({ livenessProbe: { ...livenessProbe, periodSeconds: 0.5 } }),
    one({ livenessProbe: { ...livenessProbe, periodSeconds: 0 } }),
  ],
  [
    'invalid-probe',
    one({ livenessProbe: { ...livenessProbe, successThreshold: 2 } }),
    one({ readinessProbe: { ...readinessProbe, successThreshold: 2 } }),
  ],
  [
    'invalid-probe',
    one({ readinessProbe: { ...readinessProbe, terminationGracePeriodSeconds: 5 } }),
    one({ startupProbe: { ...startupProbe, terminationGracePeriodSeconds: 5 } }),
  ],
  [
    'unreadable-duration',
    one({ env: variables({ SHM_LIVENESS_MAX_AGE: '250' }) }),
    one({ env: variables({ SHM_LIVENESS_MAX_AGE: '' }) }),
  ],
  [
    'region-shared',
    podOf({ containers: [watched(), other({ env: regionOf('camera') })] }),
    podOf({ containers: [watched(), other()] }),
  ],
  [
    'region-shared',
    podOf({ containers: [watched({ env: [] }), other({ env: [] })] }),
    podOf({ containers: [watched({ env: [] }), container({ name: 'other' })] }),
  ],
  [
    'port-shared',
    podOf({ containers: [watched({ env: listens(9808, 'camera') }), other({ env: listens(9808, 'other') })] }),
    podOf({ containers: [watched({ env: listens(9808, 'camera') }), other({ env: listens(9809, 'other') })] }),
  ],
  [
    'port-shared',
    podOf({ containers: [watched({ env: listens(80, 'camera') }), other({ ports: [{ containerPort: 80 }] })] }),
    podOf({ containers: [watched({ env: listens(80, 'camera'), ports: [{ containerPort: 80 }] }), other()] }),
  ],
  ['host-network-port', one({ env: listens(9808, 'camera') }, { hostNetwork: true }), one({}, { hostNetwork: true })],
  ['host-ipc', one({}, { hostIPC: true }), one(atShm, { hostIPC: true, volumes: [memory] })],
  ['host-ipc', one({ livenessProbe: null, startupProbe: null }, { hostIPC: true }), podOf({ hostIPC: true })],
  [
    'dev-shm-replaced',
    podOf({ containers: [watched(atShm), other()], volumes: [memory] }),
    podOf({ containers: [watched(atShm), other(atShm)], volumes: [memory] }),
  ],
  ['dev-shm-on-disk', one(atShm, { volumes: [{ name: 'shm', emptyDir: {} }] }), one(atShm, { volumes: [memory] })],
  ['dev-shm-on-disk', one(atShm), podOf({ containers: [container(atShm)] })],
  [
    'probe-noexec',
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/dev/shm/shm-probe', '--termination-log'] } } }),
    one({ livenessProbe: { ...livenessProbe, exec: { command: ['/dev-shm/shm-probe', '--termination-log'] } } }),
  ],
  [
    'probe-noexec',
    one({ ...fromBin, ...installed }, { volumes: [{ name: 'bin', configMap: {} } as never] }),
    one({ ...fromBin, ...installed }, { volumes: [{ name: 'bin', hostPath: {} } as never] }),
  ],
  [
    'probe-not-installed',
    one({ ...fromBin, ...installed }, { volumes: bin }),
    one({ ...fromBin, ...installed }, { volumes: bin, initContainers: [installing] }),
  ],
  [
    'probe-not-installed',
    podOf({ initContainers: [other({ ...fromBin, ...installed, restartPolicy: 'Always' }), installing], volumes: bin }),
    podOf({ initContainers: [installing, other({ ...fromBin, ...installed, restartPolicy: 'Always' })], volumes: bin }),
  ],
  [
    'sidecar-liveness',
    podOf({ containers: [watched({ livenessProbe: byHttp(9809) }), other({ env: listens(9809, 'other') })] }),
    podOf({ containers: [watched(), other({ env: listens(9809, 'other'), livenessProbe: byHttp(9809) })] }),
  ],
  [
    'sidecar-liveness',
    one({ command: ['/shm-guard', '--listen', ':9808'], livenessProbe: byHttp(9808) }),
    one({ command: ['/shm-guard', '--listen', ':9808', '--grace', '1s', '--', 'a'], livenessProbe: byHttp(9808) }),
  ],
  [
    'guard-on-loopback',
    one({ livenessProbe: byHttp(9808), env: variables({ SHM_LIVENESS_LISTEN: '127.0.0.1:9808' }) }),
    one({ livenessProbe: byHttp(9808), env: variables({ SHM_LIVENESS_LISTEN: '0.0.0.0:9808' }) }),
  ],
  ['guard-unanswered', one({ livenessProbe: byHttp(9808) }), one({ livenessProbe: byHttp(8080) })],
  [
    'guard-elsewhere',
    one({ command: ['/usr/bin/shm-guard', '--dir=/data', '--', 'camera'] }),
    one({ command: guard, env: variables({ SHM_LIVENESS_DIR: '/data' }) }),
  ],
  [
    'guard-elsewhere',
    one({ command: ['/usr/bin/shm-guard', '--region', 'other', '--', 'camera'] }),
    one({ command: ['/usr/bin/shm-guard', '--region', 'camera', '--', 'camera'] }),
  ],
  ['local-image', one({ image: 'localhost/camera:1' }), one({ image: 'localhost:5000/camera:1' })],
  [
    'local-image',
    one({}, { initContainers: [{ name: 'shm-liveness', image: 'localhost/shm-liveness:0.1.0' }] }),
    one({}, { initContainers: [{ name: 'a', image: 'localhost/a', imagePullPolicy: 'Never' } as never] }),
  ],
  [
    'kata-subpath',
    one({ ...full, volumeMounts: [{ name: 'a', mountPath: '/a', subPath: 'b' }] }, kata),
    one({ ...full, volumeMounts: [{ name: 'a', mountPath: '/a', subPath: '' }] }, kata),
  ],
  [
    'kata-host-network',
    one(full, { ...kata, hostNetwork: true }),
    one(full, { runtimeClassName: 'runc', hostNetwork: true }),
  ],
  [
    'kata-limits',
    one({ resources: { limits: { cpu: 1 }, requests: { 'ephemeral-storage': 1 } } }, kata),
    one(full, kata),
  ],
  [
    'kata-ephemeral-storage',
    one({ resources: { limits: { cpu: 1, memory: 1 } } }, kata),
    one({ resources: { limits: { cpu: 1, memory: 1, 'ephemeral-storage': 1 } } }, kata),
  ],
]

describe('lint()', () => {
  it('finds nothing wrong with the pod that the cases begin from, nor with a bare one', () => {
    expect(lint(one({}))).toEqual([])
    expect(lint(podOf())).toEqual([])
  })

  it.each(cases)('%s: trips over one pod, and not over the nearest', (rule, trips, passes) => {
    expect([...idsOf(trips)]).toContain(rule)
    expect([...idsOf(passes)]).not.toContain(rule)
  })

  it('has a case for each rule', () => {
    expect(new Set(cases.map(([rule]) => rule))).toEqual(new Set(rules.map(({ id }) => id)))
  })
})
