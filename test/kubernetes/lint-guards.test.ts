import { describe, expect, it } from 'vitest'
import { env, findings, get, hostile, lines, live, pod, ready, spec } from '../support/hostile.js'

hostile(
  'guard-on-loopback',
  {
    'its flag': pod(lines('command: [shm-guard, --listen=127.0.0.1:9808, --, a]', get('/livez', 9808))),
    'its variable': pod(lines(env({ SHM_LIVENESS_LISTEN: '127.9.9.9:9' }), get('/livez', 9))),
    IPv6: pod(lines('command: [shm-guard, --listen, "[::1]:9808", --, a]', get('/readyz', 9808))),
    'IPv6 in full': pod(lines(env({ SHM_LIVENESS_LISTEN: '[0:0:0:0:0:0:0:1]:9808' }), get('/livez', 9808))),
    'a port by name': pod(
      lines(
        'command: [shm-guard, --listen, "127.0.0.1:9808", --, a]',
        'ports: [{name: h, containerPort: 9808}]',
        get('/livez', 'h'),
      ),
    ),
  },
  {
    'all addresses': pod(lines('command: [shm-guard, --listen, ":9808", --, a]', get('/livez', 9808))),
    'all of IPv6': pod(lines('command: [shm-guard, --listen, "[::]:9808", --, a]', get('/livez', 9808))),
    'a flag before a variable': pod(
      lines(
        'command: [shm-guard, --listen, "0.0.0.0:9808", --, a]',
        env({ SHM_LIVENESS_LISTEN: '127.0.0.1:9808' }),
        get('/livez', 9808),
      ),
    ),
    'a guard that only the pod itself asks': pod(
      lines(env({ SHM_LIVENESS_LISTEN: '127.0.0.1:9808' }), get('/healthz', 8080)),
    ),
    'the node asked by its own loopback': spec(`
hostNetwork: true
containers: [{name: a, command: [shm-guard, --listen, "127.0.0.1:9808", --, a], ${get('/livez', 9808, ', host: 127.0.0.1')}}]`),
  },
)

hostile(
  'guard-unanswered',
  {
    'no guard at all': pod(get('/livez', 9808)),
    'a guard without a port': pod(lines('command: [shm-guard, --, a]', get('/readyz', 9808))),
    'a guard at another port': pod(
      lines(
        'command: [shm-guard, --listen, "0.0.0.0:9000", --, a]',
        env({ SHM_LIVENESS_LISTEN: ':9808' }),
        get('/livez', 9808),
      ),
    ),
    'a port whose name is nowhere': pod(lines(env({ SHM_LIVENESS_LISTEN: ':9808' }), get('/livez', 'health'))),
    'a path that the guard has not': pod(lines(env({ SHM_LIVENESS_LISTEN: ':9808' }), get('/healthz', 9808))),
    HTTPS: pod(lines(env({ SHM_LIVENESS_LISTEN: ':9808' }), get('/livez', 9808, ', scheme: HTTPS'))),
  },
  {
    'a guard that listens': pod(lines(env({ SHM_LIVENESS_LISTEN: ':9808' }), get('/livez', 9808))),
    'a guard whose flags stand in args': pod(
      lines('command: [shm-guard]', 'args: [--listen, ":9808", --, a]', get('/livez', 9808)),
    ),
    'a guard whose port a config map tells': spec(`
containers: [{name: a, command: [shm-guard, --, a], envFrom: [{configMapRef: {name: x}}], ${get('/livez', 9808)}}]`),
    "a sidecar's guard for readiness": pod(
      'readinessProbe: {httpGet: {path: /readyz, port: 9900}}',
      'command: [shm-guard, --listen, ":9900", --region, a]',
    ),
    'somebody else who has such a path': pod(get('/livez', 8080)),
    'an image that listens there, and says so': pod(lines('ports: [{containerPort: 9808}]', get('/livez', 9808))),
    "the guarded program's own port": pod(lines('command: [shm-guard, --, a]', get('/healthz', 8080))),
    'a guarded program that answers our questions itself': pod(
      lines('command: [shm-guard, --, a]', get('/livez', 8080)),
    ),
    'readiness of the program itself beside a guard that listens': pod(
      lines(
        'command: [shm-guard, --listen, ":9808", --, a]',
        'readinessProbe: {httpGet: {path: /readyz, port: 8080}}',
        get('/livez', 9808),
      ),
    ),
    'another host': pod(get('/livez', 9808, ', host: example.org')),
  },
)

describe('guard-unanswered, where it cannot be seen who listens', () => {
  const severities = (of: object) => findings('guard-unanswered', of).map(({ severity }) => severity)
  const asks = get('/livez', 9808)

  it.each([
    ['an ENTRYPOINT', pod(asks)],
    ["an ENTRYPOINT's arguments", pod(lines('args: [--, a]', asks))],
    ['a wrapper', pod(lines('command: [/tini, --, /bin/shm-guard, --listen, ":9808", --, /app]', asks))],
    ['a script in one text', pod(lines('command: [sh, -c, "exec shm-guard --listen :9808 -- /app"]', asks))],
    ['a script', pod(lines('command: [/bin/bash, start]', asks))],
    ['a script that is a program', pod(lines('command: [/docker-entrypoint.sh, app]', asks))],
    ['a program that a variable names', pod(lines('command: [$(PROGRAM)]', asks))],
    ["another container's ENTRYPOINT", pod(lines('command: [/app]', asks), '{}')],
    [
      "a port beside the guard's own",
      pod(lines('command: [shm-guard, --listen, ":9808", --, a]', get('/livez', 9000))),
    ],
  ])('is a note: %s', (_what, of) => expect(severities(of)).toEqual(['note']))

  it.each([
    ['a program', pod(lines('command: [/app]', asks))],
    ['a program behind a wrapper', pod(lines('command: [tini, --, /app]', asks))],
    ['a guard that listens nowhere', pod(lines('command: [shm-guard, --, sh, -c, run]', asks))],
    ['two of them', pod(lines('command: [/app]', asks), 'command: [/sidecar]')],
  ])('is an error: %s', (_what, of) => expect(severities(of)).toEqual(['error']))

  it.each(['guard-unanswered', 'guard-on-loopback'])('%s never says that readiness restarts anything', (rule) => {
    const readiness = 'readinessProbe: {httpGet: {path: /readyz, port: 9808}}'
    const listen = rule === 'guard-unanswered' ? '' : ', --listen, "127.0.0.1:9808"'
    const found = findings(rule, pod(lines(`command: [shm-guard${listen}, --, a]`, readiness)))
    expect(found).toHaveLength(1)
    expect(JSON.stringify(found)).not.toContain('restart')
  })
})

hostile(
  'guard-elsewhere',
  {
    'a folder of the probe alone': pod(lines('command: [shm-guard, --, a]', live('shm-probe', '--dir', '/data'))),
    'a folder of the guard alone, in args': pod(
      lines('command: [shm-guard]', 'args: [--dir, /data, --, a]', live('shm-probe')),
    ),
    'a folder of the guard against the variable': pod(
      lines('command: [shm-guard, --dir=/x, --, a]', env({ SHM_LIVENESS_DIR: '/y' }), live('shm-probe')),
    ),
    'the default region against a flag': pod(lines('command: [shm-guard, --region, b, --, a]', live('shm-probe'))),
    "readiness by the variable's region": pod(
      lines(
        'command: [shm-guard, --region, b, --, a]',
        env({ SHM_LIVENESS_REGION: 'a' }),
        ready('shm-probe', '--check', 'readiness'),
      ),
    ),
    'two regions, neither of them that of the probe': pod(
      lines('command: [shm-guard, --region, "b,c", --, a]', live('shm-probe', '--region=d')),
    ),
  },
  {
    'one folder in two spellings': pod(
      lines('command: [shm-guard, --dir, /data/, --, a]', env({ SHM_LIVENESS_DIR: '/data' }), live('shm-probe')),
    ),
    'one volume at two paths': spec(`
containers:
- {name: a, command: [shm-guard, --dir=/x, --, a], volumeMounts: [{name: v, mountPath: /x}, {name: v, mountPath: /y}], ${live('shm-probe', '--dir=/y')}}
volumes: [{name: v, emptyDir: {medium: Memory}}]`),
    'one of several regions': pod(
      lines('command: [shm-guard, --region, "b,c", --, a]', live('shm-probe', '--region=c')),
    ),
    'readiness of what the container depends on': pod(
      lines('command: [shm-guard, --, a]', ready('shm-probe', '--check=readiness', '--region=b')),
    ),
    'a sidecar that watches others': pod(
      lines('command: [shm-guard, --listen, ":9900", --region, b]', live('shm-probe', '--region', 'a')),
    ),
    'what a config map tells': pod(
      lines(
        'command: [shm-guard, --dir=/x, --region=b, --, a]',
        'envFrom: [{configMapRef: {name: x}}]',
        live('shm-probe'),
      ),
    ),
    'a reference to a variable': pod(
      lines('command: [shm-guard, --dir=$(D), --region=$(R), --, a]', live('shm-probe')),
    ),
    'probes by HTTP, which the guard answers': pod(
      lines('command: [shm-guard, --dir=/x, --region=b, --listen, ":9808", --, a]', get('/livez', 9808)),
    ),
  },
)

hostile(
  'sidecar-liveness',
  {
    'its own /livez by the name of its port': pod(
      lines('command: [shm-guard, --listen, ":9900"]', 'ports: [{name: h, containerPort: 9900}]', get('/livez', 'h')),
    ),
    "another's guard by a name": pod(
      lines('ports: [{name: h, containerPort: 9900}]', get('/livez', 'h')),
      'command: [shm-guard, --listen, ":9900", --, b]',
    ),
  },
  {
    'whether a sidecar answers at all': pod(
      lines('command: [shm-guard, --listen, ":9900", --region, b]', get('/metrics', 9900)),
    ),
    'a guard whose program stands in args': pod(
      lines('command: [shm-guard, --listen, ":9900"]', 'args: [--, camera]', get('/livez', 9900)),
    ),
    'a guard that runs steps': pod(
      lines('command: [shm-guard, --listen, ":9900", --steps, /steps.json]', get('/livez', 9900)),
    ),
  },
)
