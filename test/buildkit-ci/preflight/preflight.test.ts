import { afterEach, describe, expect, it } from 'vitest'
import { FakeKubeApi } from '../../fakes/kube-api/index.js'
import { SimulatedClock } from '../../support/simulated-clock.js'
import { call, configFile } from '../cli/call.js'

const tlsData = { 'ca.pem': 'x', 'cert.pem': 'x', 'key.pem': 'x' }
const proxies = { upstreams: { 'gcr.io': { storageClass: 'ssd', credentialsSecret: 'gcr' } } }
const binfmt = { architectures: ['arm64'] }
const everything = {
  namespace: 'ci',
  agentNamespace: 'agents',
  daemon: { isolation: 'kata', storage: { storageClass: 'ssd' } },
  proxies,
  binfmt,
  agents: { one: { command: ['/start.sh'], registrySecret: 'registries', environmentSecret: 'agent' } },
}

let kube: FakeKubeApi | undefined
const clock = new SimulatedClock()
afterEach(async () => {
  await kube?.stop()
  kube = undefined
})

/** A cluster that has all that `everything` needs. */
async function readyCluster(): Promise<FakeKubeApi> {
  kube = await FakeKubeApi.start({ namespace: 'ci', clock })
  for (const [name, level] of [
    ['ci', 'privileged'],
    ['agents', 'restricted'],
  ] as const) {
    const labels = { 'pod-security.kubernetes.io/enforce': level }
    if (kube.find('namespaces', name) === undefined) kube.add('namespaces', { metadata: { name, labels } })
    else kube.change('namespaces', name, (object) => ({ ...object, metadata: { ...object.metadata, labels } }))
  }
  kube.add('storageclasses', { metadata: { name: 'ssd' }, allowVolumeExpansion: true })
  kube.add('runtimeclasses', { metadata: { name: 'kata' }, handler: 'kata', overhead: { podFixed: { cpu: '250m' } } })
  const secrets: [string, string, Record<string, string>][] = [
    ['ci', 'buildkit-daemon-certs', tlsData],
    ['agents', 'buildkit-client-certs', tlsData],
    ['ci', 'gcr', { username: 'x', password: 'x' }],
    ['agents', 'registries', { '.dockerconfigjson': 'x' }],
    ['agents', 'agent', { TOKEN: 'x' }],
  ]
  for (const [namespace, name, data] of secrets) kube.add('secrets', { metadata: { name, namespace }, data })
  kube.add('daemonsets', { metadata: { name: 'binfmt' }, status: { desiredNumberScheduled: 3, numberReady: 3 } })
  return kube
}

/** Few manifests, and so few questions about rights. */
const little = { namespace: 'ci', daemon: { storage: { storageClass: 'ssd' } } }

const preflight = (of: FakeKubeApi, more: object = {}, base: object = little) =>
  clock.ending(call(['preflight', '--config', configFile({ ...base, ...more }), '--kubeconfig', of.kubeconfig], clock))

/** The lines that are not ok, with what to do. */
const problems = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('ok '))
    .join('\n')

describe('preflight', () => {
  it('finds nothing missing where everything is there, and changes nothing', async () => {
    const open = await readyCluster()
    const { code, stdout } = await preflight(open, {}, everything)
    expect(problems(stdout)).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain('ok      Secret agents/registries: it is there, for pushes of the agents\n')
    expect(stdout).toContain('ok      binfmt: all 3 nodes emulate arm64')
    const changes = open.requests.filter(
      ({ method, path }) => method !== 'GET' && !path.includes('selfsubjectaccessreviews'),
    )
    expect(changes).toEqual([])
  })

  it('says which RuntimeClass is missing, or costs more than the scheduler knows', async () => {
    const open = await readyCluster()
    const other = { daemon: { isolation: 'kata', runtimeClass: 'kata-clh' } }
    open.add('runtimeclasses', { metadata: { name: 'kata-fc' }, handler: 'fc' })
    const missing = await preflight(open, other)
    expect(missing.code).toBe(3)
    expect(problems(missing.stdout)).toContain('error   RuntimeClass: there is no RuntimeClass "kata-clh"')
    const { stdout } = await preflight(open, { daemon: { isolation: 'kata', runtimeClass: 'kata-fc' } })
    expect(problems(stdout)).toContain('warning RuntimeClass: "kata-fc" (handler fc) has no overhead')
  })

  it('says which StorageClass is missing, and who names it', async () => {
    const open = await readyCluster()
    const { code, stdout } = await preflight(open, { localRegistry: {}, daemon: { storage: { storageClass: 'sdd' } } })
    expect(code).toBe(3)
    expect(problems(stdout)).toContain(
      'there is no StorageClass "sdd", which daemon.storage names\n        name one of: ssd',
    )
    expect(problems(stdout)).toContain('localRegistry: no StorageClass is named, and the cluster has no default')
  })

  it('says that the Pod Security level refuses the pods', async () => {
    const open = await readyCluster()
    const labels = { 'pod-security.kubernetes.io/enforce': 'baseline' }
    open.change('namespaces', 'ci', (object) => ({ ...object, metadata: { ...object.metadata, labels } }))
    const { code, stdout } = await preflight(open, { createNamespaces: false })
    expect(code).toBe(3)
    expect(problems(stdout)).toContain('namespace ci: its Pod Security level is baseline, and its pods need privileged')
    expect(stdout).toContain('kubectl label --overwrite namespace ci pod-security.kubernetes.io/enforce=privileged')
  })

  it('says that a Job of an agent could be root on its node', async () => {
    const open = await readyCluster()
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' }
    open.change('namespaces', 'agents', (object) => ({ ...object, metadata: { ...object.metadata, labels } }))
    const config = (jobs: boolean) => ({
      ...{ agentNamespace: 'agents', createNamespaces: false },
      agents: { one: { ...everything.agents.one, jobs } },
    })
    expect(problems((await preflight(open, config(false))).stdout)).toBe('')
    const { code, stdout } = await preflight(open, config(true))
    expect(code).toBe(3)
    expect(problems(stdout)).toBe(
      [
        'error   namespace agents: its Pod Security level is privileged, and agents.one may run Jobs in it',
        '        kubectl label --overwrite namespace agents pod-security.kubernetes.io/enforce=restricted',
        '',
      ].join('\n'),
    )
  })

  it('says that a namespace is missing only if nobody makes it', async () => {
    const open = await readyCluster()
    const elsewhere = { namespace: 'ci', agentNamespace: 'none' }
    const made = await preflight(open, elsewhere)
    expect(made.stdout).toContain('ok      namespace none: it is not there yet; `render` makes it')
    const { stdout } = await preflight(open, { ...elsewhere, createNamespaces: false })
    expect(problems(stdout)).toContain('error   namespace none: it is not there\n        kubectl create namespace none')
  })

  it('says which Secret is missing, or has no such key, and how to make it', async () => {
    const open = await readyCluster()
    open.change('secrets', 'gcr', (secret) => ({ ...secret, data: { username: 'x' } }))
    const { code, stdout } = await preflight(open, { daemon: { tls: { daemonSecret: 'certs' } }, proxies })
    expect(code).toBe(3)
    expect(problems(stdout)).toContain('Secret ci/certs: it is not there; it is needed for TLS of the daemon')
    expect(problems(stdout)).toContain(
      'create secret generic certs --from-file=ca.pem --from-file=cert.pem --from-file=key.pem',
    )
    expect(problems(stdout)).toContain('Secret ci/gcr: it has no key password, needed for the proxy of gcr.io')
    expect(stdout).not.toContain('"x"')
  })

  it('says how many nodes lack the emulators, and that nobody knows before they are applied', async () => {
    const open = await readyCluster()
    open.change('daemonsets', 'binfmt', (set) => ({ ...set, status: { desiredNumberScheduled: 3, numberReady: 1 } }))
    const { code, stdout } = await preflight(open, { binfmt })
    expect(code).toBe(3)
    expect(problems(stdout)).toContain('error   binfmt: 1 of 3 nodes emulate arm64')
    const before = await preflight(open, { namespace: 'agents', binfmt })
    expect(before.stdout).toContain('warning binfmt: whether nodes emulate arm64 is not known yet')
  })

  it('names each right that is missing to apply the manifests', async () => {
    const open = await readyCluster()
    open.authorization.deny('patch', 'statefulsets')
    const { code, stdout } = await preflight(open)
    expect(code).toBe(3)
    expect(problems(stdout)).toContain('error   permissions: patch statefulsets.apps is not granted in namespace ci')
  })

  it('says what it may not see, and that it is not known', async () => {
    const open = await readyCluster()
    open.authorization.deny('get', 'secrets')
    open.authorization.deny('list', 'storageclasses')
    const { code, stdout } = await preflight(open, { proxies })
    expect(code).toBe(0)
    expect(problems(stdout)).toContain('warning Secret ci/gcr: it may not be read with these rights')
    expect(problems(stdout)).toContain(
      'warning storage: not known: list StorageClasses: the API server refused with 403',
    )
  })

  it('says once that the API server cannot be reached', async () => {
    const open = await readyCluster()
    open.faults.next('GET', /version/, { drop: true }, 100)
    const { code, stdout } = await preflight(open)
    expect(code).toBe(3)
    expect(stdout.match(/^error/gm)).toHaveLength(1)
    expect(stdout).toMatch(/^error {3}API server: ask for its version: no answer from https:/)
  })

  it('says that there is no usable kubeconfig', async () => {
    const { code, stderr } = await call(['preflight', '--config', configFile(), '--kubeconfig', '/nowhere'])
    expect(code).toBe(3)
    expect(stderr).toContain('kubeconfig /nowhere')
  })
})
