import { describe, expect, it } from 'vitest'
import { isListed } from '../../../examples/kata-build-runner/config/wildcard.js'
import { secretName } from '../../../examples/kata-build-runner/launch/names.js'
import { route } from '../../../examples/kata-build-runner/routing/route.js'
import { build, config, configRefusal, kubernetes, refusal } from '../config/samples.js'

const refused = (more: string, ...options: string[]) =>
  refusal(() => route(build(more), config(options.length === 0 ? undefined : kubernetes(...options))))
const isPermitted = (more: string, ...options: string[]): boolean => {
  const executors = config(options.length === 0 ? undefined : kubernetes(...options))
  try {
    route(build(more), executors)
    return true
  } catch {
    return false
  }
}
const reads = (secret: string): string => `environment: {TOKEN: {secret: ${secret}, key: a}}`
const sets = (key: string): string => `annotations: {${key}: x}`

describe("a build's runtime class", () => {
  it("is the executor's or one that it lists: runc under a privileged executor would be root on the node", () => {
    const executor = ['privileged: true', 'runtimeClass: kata', 'runtimeClasses: [kata-clh]']
    expect(isPermitted('', ...executor)).toBe(true)
    expect(isPermitted('runtimeClass: kata', ...executor)).toBe(true)
    expect(isPermitted('runtimeClass: kata-clh', ...executor)).toBe(true)
    const error = refused('runtimeClass: runc', ...executor)
    expect([error.code, error.exitCode]).toEqual(['BUILD_INVALID', 2])
    expect(error.message).toBe(
      'build b1: its runtimeClass "runc" is none that executor k8s lets builds choose (kata, kata-clh)',
    )
    expect(error.remedy).toContain('kubernetes.runtimeClasses')
  })

  it('is none where nothing is listed', () => {
    expect(refused('runtimeClass: kata').message).toContain('(none)')
  })
})

describe("a Secret in a build's environment", () => {
  it('must be listed, by its name or a pattern that fits all of it', () => {
    expect(isPermitted(reads('npm-token'), 'secrets: [npm-token]')).toBe(true)
    expect(isPermitted(reads('npm-token'), 'secrets: ["npm-*"]')).toBe(true)
    expect(isPermitted(reads('my-npm-token'), 'secrets: ["npm-*"]')).toBe(false)
    expect(isPermitted(reads('npmxtoken'), 'secrets: [npm.token]')).toBe(false)
    const error = refused(reads('npm-token'))
    expect(error.message).toBe('build b1: environment.TOKEN reads Secret "npm-token", which executor k8s does not list')
    expect(error.remedy).toContain('kubernetes.secrets')
  })

  it("is never another build's by a pattern", () => {
    for (let attempt = 1; attempt <= 10; attempt++) {
      const secret = secretName('victim', attempt)
      expect(isPermitted(reads(secret), 'secrets: ["*", "victim-*", "*-1"]')).toBe(false)
    }
    expect(refused(reads('victim-1'), 'secrets: ["*"]').message).toMatch(/by its whole name.*another build$/)
    expect(isPermitted(reads('tls-1'), 'secrets: [tls-1]')).toBe(true)
  })
})

describe("a build's annotation", () => {
  it.each(['iam.amazonaws.com/role', 'devices.nri.io/container.build', 'vault.hashicorp.com/agent-inject', 'plain'])(
    '%s must be listed',
    (key) => {
      expect(refused(sets(key)).message).toBe(
        `build b1: its annotation "${key}" is none that executor k8s lets builds set`,
      )
      expect(refused(sets(key)).remedy).toContain('kubernetes.allowedAnnotations')
      expect(isPermitted(sets(key), `allowedAnnotations: [${key}]`)).toBe(true)
    },
  )

  it("of the runner's needs no list", () => {
    expect(isPermitted('annotations: {screwdriver.cd/executor: k8s, screwdriver.cd/dockerEnabled: "false"}')).toBe(true)
  })

  it.each([
    'io.katacontainers.*',
    '*.kubernetes.io/*',
    'kueue.x-k8s.io/queue-name',
    'k8s.v1.cni.cncf.io/networks',
    'shm-liveness/nonce',
  ])('that is reserved cannot be listed: %s', (key) => {
    const text = kubernetes(`allowedAnnotations: ["${key}"]`)
    expect(configRefusal(text)).toEqual([expect.stringContaining('builds cannot be permitted it')])
  })
})

it('what is not permitted is said all at once', () => {
  const error = refused(`runtimeClass: runc\n${reads('a')}\n${sets('b')}`)
  expect(error.message.split('\n')).toHaveLength(3)
  expect(error.remedy).toContain('kubernetes.runtimeClasses, kubernetes.secrets, kubernetes.allowedAnnotations')
})

describe('a wildcard', () => {
  it.each([
    ['a*', 'a', true],
    ['a*', 'abc', true],
    ['*a', 'ba', true],
    ['a**b', 'axb', true],
    ['a.b', 'axb', false],
    ['a', 'ab', false],
    ['*', '', true],
  ])('%s and %s: %s', (entry, name, expected) => expect(isListed(name, [entry])).toBe(expected))
})
