/** Rules on a probe by itself: what it asks, by which command, and in which time. */
import { expect, it } from 'vitest'
import { env, findings, get, hostile, lines, live, pod, ready, spec } from '../support/hostile.js'

hostile(
  'identical-probes',
  {
    'a default that is written out': pod(lines(live('/shm-probe'), ready('/shm-probe', '--check', 'liveness'))),
    'another output': pod(
      lines(live('/shm-probe', '--termination-log'), ready('/shm-probe', '--json', '--confirm=1s')),
    ),
    'the region of the environment written out': pod(
      lines(env({ SHM_LIVENESS_REGION: 'a' }), live('/shm-probe'), ready('/bin/shm-probe', '--region=a')),
    ),
    'a check that the environment says': pod(
      lines(env({ SHM_LIVENESS_CHECK: 'readiness' }), live('/shm-probe'), ready('/shm-probe', '--check=readiness')),
    ),
    'one port by name and by number': pod(
      lines('ports: [{name: h, containerPort: 80}]', get('/', 'h'), 'readinessProbe: {httpGet: {port: 80}}'),
    ),
    'a liveness that is hardly more patient': pod(
      lines(
        'livenessProbe: {httpGet: {port: 80}, failureThreshold: 5}',
        'readinessProbe: {httpGet: {port: 80}, periodSeconds: 10}',
      ),
    ),
    'a liveness whose higher threshold its period undoes': pod(
      lines(
        'livenessProbe: {httpGet: {port: 80}, periodSeconds: 1, failureThreshold: 10}',
        'readinessProbe: {httpGet: {port: 80}}',
      ),
    ),
  },
  {
    'two checks': pod(lines(live('/shm-probe'), ready('/shm-probe', '--check', 'readiness'))),
    'two max ages': pod(lines(live('/shm-probe', '--max-age=9s'), ready('/shm-probe', '--max-age', '1s'))),
    'a higher failureThreshold of liveness, as kubernetes.io has it': pod(
      lines('livenessProbe: {httpGet: {port: 80}, failureThreshold: 6}', 'readinessProbe: {httpGet: {port: 80}}'),
    ),
    'two ports': pod(lines(get('/', 80), 'readinessProbe: {httpGet: {port: 81, path: /}}')),
    'two schemes': pod(lines(get('/', 80), 'readinessProbe: {httpGet: {port: 80, path: /, scheme: HTTPS}}')),
  },
)

hostile(
  'termination-log-path',
  {
    'the default flag of a container with a path of its own': pod(
      lines('terminationMessagePath: /tmp/why', live('/shm-probe', '--termination-log')),
    ),
    'a variable': pod(lines(env({ SHM_LIVENESS_TERMINATION_LOG: '/a' }), live('/shm-probe'))),
    'a guard that is told nothing': pod(lines('terminationMessagePath: /tmp/why', 'command: [shm-guard, --, a]')),
  },
  {
    'the same path': pod(lines('terminationMessagePath: /tmp/why', live('/shm-probe', '--termination-log=/tmp/why'))),
    'the same path by a variable': pod(
      lines(
        'terminationMessagePath: /tmp/why',
        env({ SHM_LIVENESS_TERMINATION_LOG: '/tmp/why' }),
        'command: [shm-guard, --, a]',
      ),
    ),
    'a path that is not given': pod(lines('terminationMessagePath: ""', live('/shm-probe', '--termination-log'))),
    'a probe that writes none': pod(lines('terminationMessagePath: /tmp/why', live('/shm-probe'))),
    'readiness, which never writes': pod(
      lines('terminationMessagePath: /tmp/why', ready('/shm-probe', '--check=readiness', '--termination-log')),
    ),
  },
)

hostile(
  'termination-log',
  { 'a variable that switches it off': pod(lines(env({ SHM_LIVENESS_TERMINATION_LOG: '0' }), live('/shm-probe'))) },
  { 'a variable that switches it on': pod(lines(env({ SHM_LIVENESS_TERMINATION_LOG: 'true' }), live('/shm-probe'))) },
)

hostile(
  'invalid-probe',
  {
    'a grace of 0': pod('livenessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 0}'),
    'a grace of 0 at the start': pod('startupProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 0}'),
    'seconds in a text': pod('livenessProbe: {exec: {command: [a]}, periodSeconds: "5"}'),
    'two ways of asking, as merged patches have them': pod(
      'livenessProbe: {exec: {command: [a]}, httpGet: {port: 80}}',
    ),
    'no way of asking': pod('livenessProbe: {}'),
    'settings of nothing': pod('readinessProbe: {periodSeconds: 5}'),
    'a way that a patch has taken out': pod('startupProbe: {exec: null, periodSeconds: 5}'),
  },
  {
    'zeros that stand for the defaults': pod(
      'livenessProbe: {exec: {command: [a]}, initialDelaySeconds: 0, timeoutSeconds: 0, failureThreshold: 0, successThreshold: 0}',
    ),
    'a probe that is null': pod('livenessProbe: null'),
    'what Knative fills in': {
      ...pod(),
      kind: 'Service',
      spec: { template: pod('readinessProbe: {periodSeconds: 5}') },
    },
    nulls: pod('livenessProbe: {exec: null, httpGet: {port: 80}, terminationGracePeriodSeconds: null}'),
  },
)

it.each(['exec-timeout', 'exec-cost'])('%s does not take exec: null for an exec', (rule) => {
  const probe = '{exec: null, httpGet: {port: 80}, periodSeconds: 1}'
  const probes = lines(`livenessProbe: ${probe}`, `readinessProbe: ${probe}`)
  expect(findings(rule, pod(probes, probes))).toEqual([])
  const execs = probes.replaceAll('exec: null, httpGet: {port: 80}', 'exec: {command: [a]}')
  expect(findings(rule, pod(execs, execs))).not.toEqual([])
})

hostile(
  'guard-grace',
  {
    'a grace of as long as period × threshold': pod(
      'command: [shm-guard, --, a]\nlivenessProbe: {exec: {command: [shm-probe]}, periodSeconds: 2, failureThreshold: 3}',
    ),
  },
  {
    'a grace that ends with the last period': pod(
      'command: [shm-guard, --grace, 4s, --, a]\nlivenessProbe: {exec: {command: [shm-probe]}, periodSeconds: 2, failureThreshold: 3}',
    ),
    'a grace that a config map tells': spec(`
containers: [{name: a, command: [shm-guard, --, a], envFrom: [{configMapRef: {name: x}}],
  livenessProbe: {exec: {command: [shm-probe]}, periodSeconds: 1, failureThreshold: 2}}]`),
  },
)

hostile(
  'liveness-before-readiness',
  {
    'a max age that is less for liveness': pod(
      lines(live('shm-probe', '--max-age=1s'), ready('shm-probe', '--check=readiness', '--max-age=2s')),
    ),
  },
  {
    'a max age that is less for readiness': pod(
      lines(live('shm-probe', '--max-age=2s'), ready('shm-probe', '--check=readiness', '--max-age=1s')),
    ),
    'a max age that only one is told': pod(
      lines(live('shm-probe', '--max-age=1s'), ready('shm-probe', '--check=readiness')),
    ),
  },
)

hostile(
  'startup-before-grace',
  { 'a grace in argv': pod('startupProbe: {exec: {command: [shm-probe, --startup-grace, 31s]}}') },
  { 'a grace in argv that is not longer': pod('startupProbe: {exec: {command: [shm-probe, --startup-grace, 30s]}}') },
)

hostile(
  'confirm-timeout',
  {
    'a --timeout that the kubelet does not wait for': pod(live('/shm-probe', '--timeout', '2s')),
    'a confirmation as long as the timeout': pod(live('/shm-probe', '--confirm', '1s')),
    'a max age, and so cycles, beyond the timeout': pod(live('/shm-probe', '--max-age', '2s')),
  },
  {
    'the timeout that the kubelet has': pod(
      'livenessProbe: {exec: {command: [/shm-probe, --timeout, 3s, --confirm, 2s]}, timeoutSeconds: 3}',
    ),
    'a max age within the timeout': pod(live('/shm-probe', '--max-age', '800ms')),
    'another program': pod(live('/check', '--timeout', '9s')),
  },
)
