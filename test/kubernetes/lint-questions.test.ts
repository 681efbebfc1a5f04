/** Which containers are looked at, and whether each probe asks its own question. */
import { leftOut, lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { env, findings, get, hostile, lines, live, pod, ready, spec } from '../support/hostile.js'

const startup = (...argv: string[]) => `startupProbe: {exec: {command: ${JSON.stringify(argv)}}}`
const guarded = 'command: [shm-guard, --listen, ":9808", --, a]'

hostile(
  'other-question',
  {
    'liveness that asks for readiness': pod(live('shm-probe', '--check', 'readiness')),
    'liveness that asks for readiness by the variable': pod(
      lines(env({ SHM_LIVENESS_CHECK: 'readiness' }), live('shm-probe')),
    ),
    'liveness at /readyz': pod(lines(guarded, get('/readyz', 9808))),
    'liveness at /readyz of a guard that cannot be seen': pod(get('/readyz?verbose', 9808)),
    'liveness that asks for startup': pod(live('shm-probe', '--check=startup')),
    'startup that asks for liveness': pod(startup('shm-probe', '--check', 'liveness')),
    'startup that asks nothing in particular, which is liveness': pod(startup('shm-probe')),
    'startup at /livez': pod(lines(guarded, 'startupProbe: {httpGet: {path: /livez, port: 9808}}')),
    'readiness that asks for startup': pod(ready('shm-probe', '--check', 'startup')),
    'a version': pod(live('shm-probe', '--version')),
  },
  {
    'three probes that ask their own': pod(
      lines(startup('shm-probe', '--check', 'startup'), live('shm-probe'), ready('shm-probe', '--check=readiness')),
    ),
    'a flag before the variable': pod(
      lines(env({ SHM_LIVENESS_CHECK: 'readiness' }), live('shm-probe', '--check', 'liveness')),
    ),
    'a check that cannot be known': pod(live('shm-probe', '--check', '$(CHECK)')),
    'a startup that waits until it is ready': pod(startup('shm-probe', '--check', 'readiness')),
    'paths by the guard': pod(lines(guarded, get('/livez', 9808))),
    metrics: pod(lines(guarded, 'startupProbe: {httpGet: {path: /metrics, port: 9808}}')),
    "somebody else's /readyz": pod(get('/readyz', 8080)),
  },
)

it('other-question is an error only where a healthy container is killed', () => {
  const severities = (text: string) => findings('other-question', pod(text)).map(({ severity }) => severity)
  expect(severities(live('shm-probe', '--check', 'readiness'))).toEqual(['error'])
  expect(severities(startup('shm-probe'))).toEqual(['warning'])
})

describe('lint() looks by default', () => {
  const bad = 'failureThreshold: 1, periodSeconds: 0.5'
  const others: [string, string][] = [
    ['nginx', `livenessProbe: {httpGet: {path: /, port: 80}, ${bad}}`],
    ['redis', `livenessProbe: {exec: {command: [redis-cli, ping]}, ${bad}}`],
    ['a server with /livez at a port of its own', `livenessProbe: {httpGet: {path: /livez, port: 10250}, ${bad}}`],
    ['a host of its own at our port', `livenessProbe: {httpGet: {host: a, path: /livez, port: 9808}, ${bad}}`],
  ]
  const ours: [string, string][] = [
    ['a probe of ours', `livenessProbe: {exec: {command: [/x/shm-probe]}, ${bad}}`],
    ['a probe of ours in one text', `livenessProbe: {exec: {command: ["/x/shm-probe --json"]}, ${bad}}`],
    ['a probe of ours in a script', `livenessProbe: {exec: {command: [sh, -c, "exec shm-probe"]}, ${bad}}`],
    ['a guard', `command: [shm-guard, --, a]\nlivenessProbe: {httpGet: {port: 80}, ${bad}}`],
    ['a guard behind a wrapper', `command: [tini, --, shm-guard, --, a]\nlivenessProbe: {httpGet: {port: 80}, ${bad}}`],
    ['a variable of ours', `${env({ SHM_LIVENESS_REGION: 'a' })}\nlivenessProbe: {httpGet: {port: 80}, ${bad}}`],
    ['a request to a guard in the image', `livenessProbe: {httpGet: {path: /livez, port: 9808}, ${bad}}`],
  ]

  it.each(others)('past %s', (_what, text) => {
    expect(lint(pod(text))).toEqual([])
    expect(leftOut(pod(text))).toEqual(['Pod/p/a'])
    expect(lint(pod(text), { allProbes: true })).not.toEqual([])
  })

  it.each(ours)('at %s', (_what, text) => {
    expect(lint(pod(text)).map(({ rule }) => rule)).toContain('failure-threshold')
    expect(leftOut(pod(text))).toEqual([])
  })

  it('at a request to the guard of another container', () => {
    const of = pod(get('/livez', 9900), 'command: [shm-guard, --listen, ":9900", --, b]')
    expect(lint(of).map(({ rule }) => rule)).toContain('sidecar-liveness')
  })

  it('at the containers beside it only for what is true of the pod as a whole', () => {
    const text = `
containers: [{name: a, ${live('shm-probe')}}, {name: b, livenessProbe: {httpGet: {port: 80}, failureThreshold: 1}}]`
    const rulesOf = (of: object, name: string) =>
      lint(of).flatMap(({ container, rule }) => (container === name ? [rule] : []))
    expect(rulesOf(spec(text), 'b')).toEqual([])
    expect(rulesOf(spec(`runtimeClassName: kata${text}`), 'b')).toEqual(['kata-limits', 'kata-ephemeral-storage'])
    expect(lint(spec('runtimeClassName: kata\ncontainers: [{name: b}]'))).toEqual([])
  })

  it('at no probes that others pay for', () => {
    const every1s = '{exec: {command: [redis-cli, ping]}, periodSeconds: 1}'
    const of = spec(`
containers: [{name: a, ${live('shm-probe')}}, {name: b, livenessProbe: ${every1s}, readinessProbe: ${every1s}}]`)
    expect(lint(of).map(({ rule }) => rule)).not.toContain('exec-cost')
    expect(lint(of, { allProbes: true }).map(({ rule }) => rule)).toContain('exec-cost')
  })
})
