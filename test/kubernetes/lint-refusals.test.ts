/** What our programs would refuse, wherever a pod runs them; and what the API server refuses. */
import { lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { env, findings, hostile, lines, live, pod, ready, spec } from '../support/hostile.js'

const shellWord = `$\{REGION}`

hostile(
  'refused-by-program',
  {
    'a value that is none of those': pod(live('shm-probe', '--check', 'livenes')),
    'an unknown flag': pod(live('/shm-liveness/shm-probe', '--termination_log')),
    'an unknown flag of the guard': pod('command: [shm-guard, --restrat, "3", --, camera]'),
    'a flag that only the probe has, given to the guard': pod('command: [shm-guard, --check, liveness, --, camera]'),
    'a number below its least': pod(lines(env({ SHM_LIVENESS_MIN: '-3' }), live('shm-probe'))),
    'a region with a blank': pod(lines(env({ SHM_LIVENESS_REGION: 'front camera' }), live('shm-probe'))),
    "a shell's variable": pod(live('shm-probe', '--region', shellWord)),
    'a variable that nobody declares': pod(live('shm-probe', '--region', '$(REGION)')),
    'a variable of envFrom, which a probe does not know': pod(
      lines('envFrom: [{configMapRef: {name: c}}]', live('shm-probe', '--region', '$(REGION)')),
    ),
    'a variable with valueFrom, which is empty in a probe': pod(
      lines(
        'env: [{name: REGION, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]',
        live('shm-probe', '--region', '$(REGION)'),
      ),
    ),
    'a variable that refers to one behind it': pod(
      lines(env({ SHM_LIVENESS_REGION: '$(LATER)', LATER: 'a' }), live('shm-probe')),
    ),
    'a literal value that is put in place, and is wrong': pod(
      lines(env({ AGE: '250' }), live('shm-probe', '--max-age=$(AGE)')),
    ),
    'a flag and its value in one item': pod(live('shm-probe', '--check liveness')),
    'a flag twice': pod(live('shm-probe', '--max-age=1s', '--max-age', '2s')),
    'flags that exclude each other': pod(live('shm-probe', '--json', '--verbose')),
    'a flag of another check': pod(ready('shm-probe', '--check', 'readiness', '--dead-grace=1s')),
    'a command without its two dashes': pod('command: [shm-guard, --grace=2s, camera]'),
    'a guard without a command': pod('command: [shm-guard, --restart=3]'),
    'a guard whose args take its command away': pod('command: [shm-guard]\nargs: [--]'),
    'a name without whom to stamp for': pod('command: [shm-guard, --name, a, --, camera]'),
    'two that stamp, one by its variable': pod(
      lines(env({ SHM_LIVENESS_PROGRESS: 'cpu' }), 'command: [shm-guard, --notify, --, camera]'),
    ),
    'a restart of a sidecar that only answers': pod(
      lines(env({ SHM_LIVENESS_RESTART: '3' }), 'command: [shm-guard, --listen, ":9808"]'),
    ),
    'a duration of the guard': pod('command: [shm-guard, --grace=5, --, a]'),
    'less than the least': pod(env({ SHM_LIVENESS_MAX_AGE: '0s' })),
    'a look more often than the guard can': pod(env({ SHM_LIVENESS_INTERVAL: '99us' })),
    'an installer without a folder': spec(
      'initContainers: [{name: i, command: [/shm-probe, --install]}]\ncontainers: [{name: a}]',
    ),
    'a guard behind a wrapper': pod('command: [tini, --, /bin/shm-guard, --restrat, "3", --, camera]'),
    'a probe by a script of one command': pod(live('timeout', '2', 'sh', '-c', 'exec shm-probe --check livenes')),
    'what speaks to the guard': pod('lifecycle: {preStop: {exec: {command: [shm-guard, notify, --stoping]}}}'),
    'a hook': pod('lifecycle: {postStart: {exec: {command: [shm-probe, --chek, startup]}}}'),
    'a variable in a hook, where the kubelet replaces nothing': pod(
      lines(env({ REGION: 'a' }), 'lifecycle: {postStart: {exec: {command: [shm-probe, --region, $(REGION)]}}}'),
    ),
  },
  {
    'what is right': pod(live('shm-probe', '--check', 'liveness', '--termination-log', '--max-age=1s')),
    'a literal variable of Kubernetes': pod(
      lines(env({ REGION: 'camera' }), live('shm-probe', '--region', '$(REGION)')),
    ),
    'a reference to a variable before it': pod(
      lines(env({ NAME: 'a', SHM_LIVENESS_REGION: 'x-$(NAME)' }), live('shm-probe')),
    ),
    'a value that comes from elsewhere': pod(
      lines('env: [{name: SHM_LIVENESS_MAX_AGE, valueFrom: {configMapKeyRef: {name: c, key: k}}}]', live('shm-probe')),
    ),
    'a variable of envFrom in a command': pod(
      lines('envFrom: [{configMapRef: {name: c}}]', 'command: [shm-guard, --region, $(REGION), --, camera]'),
    ),
    'a port of a Service': pod('command: [shm-guard, --listen, "0.0.0.0:$(CAMERA_SERVICE_PORT)", --, camera]'),
    'an empty variable': pod(lines(env({ SHM_LIVENESS_MIN: '' }), live('shm-probe'))),
    'a variable of the guard alone beside a probe of another value': pod(
      lines(env({ SHM_LIVENESS_GRACE: '0', SHM_LIVENESS_CONFIRM: '0s' }), live('shm-probe')),
    ),
    'a variable that the flag beats': pod(lines(env({ SHM_LIVENESS_MAX_AGE: '5' }), live('shm-probe', '--max-age=5s'))),
    "the program's own flags": pod('command: [shm-guard, --, a, --grace, 5]'),
    'a guard that only answers': pod('command: [shm-guard, --listen, ":9808", --region, camera]'),
    'steps by the guard': pod('command: [shm-guard, --steps, /steps.json, --name, build]'),
    'a list with an empty name': pod(lines(env({ SHM_LIVENESS_EXPECT: 'a,,b,' }), live('shm-probe'))),
    'an installer, whose variables are not read': spec(
      'initContainers: [{name: i, command: [/shm-probe, --install, /x], env: [{name: SHM_LIVENESS_MIN, value: "1"}]}]\ncontainers: [{name: a}]',
    ),
    'another program': pod(live('/bin/check', '--check', 'livenes')),
    'a value that a template engine puts there': pod(
      lines(env({ SHM_LIVENESS_REGION: '{{workflow.name}}' }), live('shm-probe', '--min={{ n }}')),
    ),
    'a script that a shell must read': pod(live('sh', '-c', 'shm-probe --region "$REGION"')),
    'a guard behind a wrapper that is right': pod('command: [tini, --, shm-guard, --restart, "3", --, camera]'),
    'what speaks to the guard': pod(
      'lifecycle: {preStop: {exec: {command: [/shm-liveness/shm-guard, notify, --stopping]}}}',
    ),
  },
)

describe('refused-by-program', () => {
  it('says where, what is expected, and what may be meant', () => {
    const of = pod(
      lines(
        env({ SHM_LIVENESS_REGION: 'a', SHM_LIVENESS_MIN: '-3' }),
        live('shm-probe', '--termination_log'),
        ready('shm-probe', '--check=readiness'),
      ),
    )
    expect(findings('refused-by-program', of).map(({ path, message }) => [path.slice(2).join('.'), message])).toEqual([
      ['0.livenessProbe.exec.command', 'unknown argument "--termination_log"; did you mean --termination-log?'],
      ['0.env.1', 'SHM_LIVENESS_MIN "-3" is not a whole number from 1 to 4096'],
    ])
  })

  it('names a variable once, however many probes read it', () => {
    const of = pod(lines(env({ SHM_LIVENESS_MIN: 'x' }), live('shm-probe'), ready('shm-probe', '--check=readiness')))
    expect(findings('refused-by-program', of)).toHaveLength(1)
  })
})

hostile(
  'unknown-variable',
  { 'a misspelt variable': pod(env({ SHM_LIVENESS_RESTRAT: '3' })) },
  {
    'one of the guard': pod(env({ SHM_LIVENESS_RESTART: '3' })),
    'one of the probe': pod(env({ SHM_LIVENESS_CHECK: 'readiness' })),
    "somebody else's": pod(env({ MY_SHM_LIVENESS_X: '3' })),
  },
)

hostile(
  'malformed-field',
  {
    'containers that are an object': { kind: 'Pod', spec: { containers: {} } },
    'containers that are a text': {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      spec: { template: { spec: { containers: 'a' } } },
    },
    'containers of nothing': {
      kind: 'CronJob',
      spec: { jobTemplate: { spec: { template: { spec: { containers: [null, 3] } } } } },
    },
    'one container that is none': { kind: 'Pod', spec: { containers: [{ name: 'a' }, null] } },
    'env as a map': pod('env: {A: b}'),
    'a number for a text': pod('env: [{name: A, value: 3}]'),
    'a yes for a text': pod('env: [{name: A, value: yes}]'),
    'a command in one text': pod('livenessProbe: {exec: {command: cat /tmp/x}}'),
    'a number in a command': pod('command: [sleep, 3]'),
    'a probe that is a list': pod('livenessProbe: [{exec: {command: [a]}}]'),
    'an item of a list that is nothing': pod('volumeMounts: [null]'),
    'a truth in quotes': spec('hostIPC: "true"\ncontainers: [{name: a}]'),
    'an item of a list of pods': { kind: 'List', items: [{ kind: 'Pod', spec: { containers: {} } }] },
  },
  {
    nulls: pod('env: null\ncommand: null\nlivenessProbe: null\nvolumeMounts:'),
    'a number in quotes': pod('env: [{name: A, value: "3"}]'),
    'fields that are not known here': pod('resizePolicy: 3\nenv: [{name: A, valueFrom: {fileKeyRef: {}}}]'),
    'a patch without containers': { kind: 'Deployment', spec: { template: { spec: { nodeSelector: { a: 'b' } } } } },
    "somebody else's kind": {
      apiVersion: 'example.org/v1',
      kind: 'Job',
      spec: { template: { spec: { containers: 3 } } },
    },
  },
)

it('malformed-field says what is there and what should be, also of containers that nobody watches', () => {
  const of = pod('env: [{name: A, value: 3}]\nargs: {a: b}')
  expect(lint(of).map(({ message, container }) => [container, message])).toEqual([
    ['a', 'containers[0].env[0].value is 3, not a text'],
    ['a', 'containers[0].args is an object, not a list'],
  ])
})
