/** What is rendered around the daemons. */
import type { V1CronJob, V1DaemonSet, V1Deployment, V1NetworkPolicy, V1StatefulSet } from '@kubernetes/client-node'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readCleanPolicy } from '../../../examples/buildkit-ci/registry/clean/policy.js'
import { manifestsOf } from '../../../examples/buildkit-ci/render/manifests.js'
import { proxyName } from '../../../examples/buildkit-ci/render/names.js'
import { configOf } from '../config/samples.js'

function rendered<T>(config: object, kind: string, name: string): T {
  const found = manifestsOf(configOf({ namespace: 'ci', ...config })).filter(
    (manifest) => manifest.kind === kind && manifest.metadata.name === name,
  )
  expect(found, `${kind} ${name}`).toHaveLength(1)
  return found[0] as T
}

const nodes = { networks: ['10.0.0.0/16'] }
type ConfigMap = { data: Record<string, string> }

describe('a proxy', () => {
  const proxies = { upstreams: { 'docker.io': { ttl: '24h', credentialsSecret: 'hub', nodePort: 30500 } } }

  it('mirrors one upstream, on its own volume, with credentials by a Secret', () => {
    const { data } = rendered<ConfigMap>({ proxies, nodes }, 'ConfigMap', 'proxy-docker-io')
    const config = parse(data['config.yml']!)
    expect(config.proxy).toEqual({ remoteurl: 'https://registry-1.docker.io', ttl: '24h' })
    // Without it expired content is never removed (distribution's linkedBlobStore.Delete).
    expect(config.storage.delete).toEqual({ enabled: true })
    const set = rendered<V1StatefulSet>({ proxies, nodes }, 'StatefulSet', 'proxy-docker-io')
    const { env } = set.spec!.template.spec!.containers[0]!
    expect(env).toContainEqual({
      name: 'REGISTRY_PROXY_PASSWORD',
      valueFrom: { secretKeyRef: { name: 'hub', key: 'password' } },
    })
    expect(set.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests).toEqual({ storage: '50Gi' })
  })

  it('is what containerd of each node tries before the upstream', () => {
    const { data } = rendered<ConfigMap>({ proxies, nodes }, 'ConfigMap', 'registry-hosts')
    expect(parseToml(data['docker.io.toml']!)).toEqual({
      server: 'https://registry-1.docker.io',
      host: { 'http://127.0.0.1:30500': { capabilities: ['pull', 'resolve'] } },
    })
    const set = rendered<V1DaemonSet>({ proxies, nodes }, 'DaemonSet', 'registry-hosts')
    const volume = set.spec!.template.spec!.volumes!.find(({ name }) => name === 'hosts')
    expect(volume?.configMap?.items).toEqual([{ key: 'docker.io.toml', path: 'docker.io/hosts.toml' }])
  })

  it('has a name of its own, whatever the host is', () => {
    const ecr = '123456789012.dkr.ecr.ap-southeast-2.amazonaws.com'
    const hosts = ['gcr.io', 'gcr-io', 'gcr.io:443', ecr, ecr.replace('-2.', '-1.'), 'asia-northeast1-docker.pkg.dev']
    expect(new Set(hosts.map(proxyName)).size).toBe(hosts.length)
    for (const host of hosts) expect(proxyName(host)).toMatch(/^[a-z][a-z0-9-]{0,50}[a-z0-9]$/)
    expect(proxyName('ci.azurecr.io')).toBe('proxy-ci-azurecr-io')
  })

  it('is reached by daemons, agents and the networks of nodes, and by nobody else', () => {
    const { spec } = rendered<V1NetworkPolicy>(
      { proxies, nodes, agentNamespace: 'agents' },
      'NetworkPolicy',
      'proxy-docker-io',
    )
    expect((spec as unknown as { ingress: { from: object[] }[] }).ingress).toEqual([
      expect.objectContaining({
        from: [
          { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'buildkitd' } } },
          { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'cleanup' } } },
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'agents' } } },
          { ipBlock: { cidr: '10.0.0.0/16' } },
        ],
      }),
    ])
  })
})

describe('the clean-up', () => {
  const policy = { keep: [{ tags: ['v*'] }], rules: [{ name: 'old', tags: ['pr-*'], olderThan: '48h', keepNewest: 2 }] }
  const config = {
    localRegistry: { policy },
    cleanup: { registries: [{ registry: 'gcr.io', credentialsSecret: 'clean', policy }] },
  }
  const commandOf = (more: object, name: string): string[] =>
    rendered<V1CronJob>({ ...config, ...more }, 'CronJob', name).spec!.jobTemplate.spec!.template.spec!.containers[0]!
      .command!

  it('reads the policy that ci.yaml has', () => {
    const { data } = rendered<ConfigMap>(config, 'ConfigMap', 'registry-cleanup-gcr-io')
    const read = readCleanPolicy(data['policy.yaml']!, 'policy.yaml')
    expect(read.rules).toEqual([
      { name: 'old', repositories: ['*'], tags: ['pr-*'], olderThanMs: 48 * 3_600_000, keepNewest: 2 },
    ])
    expect(read.keep).toEqual([{ repositories: ['*'], tags: ['v*'] }])
  })

  it('deletes nothing until dryRun is false', () => {
    expect(commandOf({}, 'registry-cleanup-gcr-io')).not.toContain('--delete')
    const cleanup = { ...config.cleanup, dryRun: false }
    expect(commandOf({ cleanup }, 'registry-cleanup-gcr-io')).toContain('--delete')
    expect(commandOf({ cleanup }, 'registry-cleanup')[2]).toBe('http://registry.ci.svc:5000')
  })
})

describe('binfmt', () => {
  const binfmt = { architectures: ['arm64', 'riscv64'] }

  it('holds a mount before it registers, and is ready while the kernel has all emulators', () => {
    const { initContainers, containers } = rendered<V1DaemonSet>({ binfmt }, 'DaemonSet', 'binfmt').spec!.template.spec!
    expect(initContainers!.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
      ['binfmt-hold', 'Always'],
      ['binfmt-install', undefined],
    ])
    expect(initContainers![1]!.args).toEqual(['--install', 'arm64,riscv64'])
    const script = containers[0]!.readinessProbe!.exec!.command!.at(-1)
    expect(script).toContain('for name in aarch64 riscv64;')
  })
})

describe('an agent', () => {
  const agents = { app: { command: ['/start.sh', '--once'], repository: 'team/app' } }

  it('knows all daemons by name, and chooses by its repository', () => {
    const { spec } = rendered<V1Deployment>({ daemon: { shards: 2 }, agents }, 'Deployment', 'agent-app')
    const [agent] = spec!.template.spec!.containers
    expect(agent!.command).toEqual([
      // PID 1: buildkit-ci reaps only its own child.
      ...['/shm-liveness/shm-guard', '--', 'buildkit-ci', 'agent'],
      ...['--daemon', 'tcp://buildkitd-0.buildkitd.ci.svc:1234', '--daemon', 'tcp://buildkitd-1.buildkitd.ci.svc:1234'],
      ...['--tlscacert', '/etc/buildkit-tls/ca.pem', '--tlscert', '/etc/buildkit-tls/cert.pem'],
      ...['--tlskey', '/etc/buildkit-tls/key.pem', '--repository', 'team/app', '--beat-max-age', '30s'],
      ...['--', '/start.sh', '--once'],
    ])
    expect(agent!.env).toContainEqual({ name: 'SHM_LIVENESS_REGION', value: 'agent-app' })
  })

  it('has a store of buildx that it can write, beside the Secret that docker reads', () => {
    const [agent] = rendered<V1Deployment>(
      { agents: { app: { ...agents.app, registrySecret: 'registries' } } },
      'Deployment',
      'agent-app',
    ).spec!.template.spec!.containers
    const variable = (name: string) => agent!.env!.find((each) => each.name === name)!.value!
    const mountOf = (path: string) => agent!.volumeMounts!.find(({ mountPath }) => path.startsWith(mountPath))
    expect(mountOf(variable('DOCKER_CONFIG'))).toMatchObject({ name: 'docker', readOnly: true })
    expect(mountOf(variable('BUILDX_CONFIG'))?.name).toBe('work')
    expect(mountOf(variable('BUILDX_CONFIG'))).not.toHaveProperty('readOnly')
  })

  it('has a token only if it may run tests as Jobs, in a namespace without daemons', () => {
    const tokenOf = (more: object) => {
      const config = { agentNamespace: 'agents', agents: { app: { ...agents.app, ...more } } }
      const { spec } = rendered<V1Deployment>(config, 'Deployment', 'agent-app')
      const roles = manifestsOf(configOf(config)).filter(({ kind }) => kind === 'Role')
      return [spec!.template.spec!.automountServiceAccountToken, roles.map(({ metadata }) => metadata.namespace)]
    }
    expect(tokenOf({})).toEqual([false, []])
    expect(tokenOf({ jobs: false })).toEqual([false, []])
    expect(tokenOf({ jobs: true })).toEqual([true, ['agents']])
  })
})
