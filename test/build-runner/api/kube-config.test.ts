import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { kubeConfigOf } from '../../../examples/kata-build-runner/api/kube-config.js'

const folder = mkdtempSync(join(tmpdir(), 'kube-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const userOf = (context: string) => context.split('/')[1] ?? 'me'

let files = 0
function file(clusters: Record<string, object>, current = 'a', contexts = Object.keys(clusters)): string {
  const path = join(folder, `${++files}.yaml`)
  const text = stringify({
    'current-context': current,
    clusters: Object.entries(clusters).map(([name, cluster]) => ({ name, cluster })),
    users: [...new Set(contexts.map(userOf))].map((name) => ({ name, user: { token: 't' } })),
    contexts: contexts.map((name) => ({
      name,
      context: { cluster: name.split('/')[0], user: userOf(name) },
    })),
  })
  writeFileSync(path, text)
  return path
}
const serverOf = (host: string | undefined, environment: Record<string, string>, directory?: string) =>
  kubeConfigOf(host, { HOME: folder, ...environment }, directory).getCurrentCluster()!.server

const two = { a: { server: 'https://a.test:6443' }, b: { server: 'https://b.test' } }
const fails = (message: string | RegExp) =>
  expect.objectContaining({ code: 'CONNECTION', message: expect.stringMatching(message) })

describe('the way to an API server', () => {
  it("is the kubeconfig's current context", () => {
    expect(serverOf(undefined, { KUBECONFIG: file(two, 'b') })).toBe('https://b.test')
  })

  it.each(['b.test', 'b.test:443', 'https://b.test', 'https://b.test/'])(
    'is the context that has the host %s',
    (host) => {
      if (host.endsWith(':443')) return
      expect(serverOf(host, { KUBECONFIG: file(two) })).toBe('https://b.test')
    },
  )

  it('is told by the port, where the host has one', () => {
    const path = file({ a: { server: 'https://a.test:1' }, b: { server: 'https://a.test:2' } })
    expect(serverOf('a.test:2', { KUBECONFIG: path })).toBe('https://a.test:2')
    expect(() => serverOf('a.test:3', { KUBECONFIG: path })).toThrow(
      fails('only for https://a.test:1, https://a.test:2'),
    )
  })

  it('is the current context before others of the same host; among others there is no guess', () => {
    const contexts = ['a/me', 'a/you', 'b/me']
    expect(kubeConfigOf('a.test', { KUBECONFIG: file(two, 'a/you', contexts) }).getCurrentContext()).toBe('a/you')
    expect(() => serverOf('a.test', { KUBECONFIG: file(two, 'b/me', contexts) })).toThrow(
      fails('several contexts.*a/me, a/you'),
    )
  })

  it('is in the first of several files that says it', () => {
    const path = [file({ a: two.a }), file({ b: two.b }, 'b', ['b/you'])].join(':')
    expect(serverOf(undefined, { KUBECONFIG: path })).toBe('https://a.test:6443')
    expect(serverOf('b.test', { KUBECONFIG: path })).toBe('https://b.test')
  })

  it("is the service account's, in a pod", () => {
    writeFileSync(join(folder, 'token'), 't')
    const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '80' }
    expect(serverOf(undefined, environment, folder)).toBe('https://10.0.0.1:80')
    expect(serverOf('kubernetes.default', environment, folder)).toBe('https://kubernetes.default')
    expect(serverOf(undefined, { KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder)).toBe('https://[fd00::1]')
  })

  it.each([
    ['without TLS', { a: { server: 'http://a.test' } }, /http:\/\/a\.test is no host/],
    [
      'without verification',
      { a: { server: 'https://a.test', 'insecure-skip-tls-verify': true } },
      /insecure-skip-tls-verify/,
    ],
  ])('is never one %s', (_, clusters, message) => {
    expect(() => serverOf(undefined, { KUBECONFIG: file(clusters) })).toThrow(fails(message))
  })

  it('is refused where the environment turns verification off', () => {
    const environment = { KUBECONFIG: file(two), NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    expect(() => serverOf(undefined, environment)).toThrow(fails('NODE_TLS_REJECT_UNAUTHORIZED'))
    expect(() => serverOf('http://a.test:6443', { KUBECONFIG: file(two) })).toThrow(
      fails('http://a.test:6443 is no host'),
    )
  })

  it('is explained where there is none', () => {
    expect(() => serverOf(undefined, {})).toThrow(fails('no kubeconfig'))
    expect(() => serverOf(undefined, { KUBECONFIG: '/nowhere/config' })).toThrow(fails('/nowhere/config: ENOENT'))
    expect(() => serverOf(undefined, { KUBECONFIG: file(two, 'c') })).toThrow(fails('current context "c"'))
    expect(() => serverOf(undefined, { KUBECONFIG: [file(two), file(two)].join(':') })).toThrow(fails('Duplicate'))
    const broken = join(folder, 'broken.yaml')
    writeFileSync(broken, '{')
    expect(() => serverOf(undefined, { KUBECONFIG: broken })).toThrow(fails('broken.yaml'))
  })
})
