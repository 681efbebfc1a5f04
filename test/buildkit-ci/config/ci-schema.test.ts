import { describe, expect, it } from 'vitest'
import { configOf, refusalOf } from './samples.js'

const policy = { rules: [{ name: 'a', tags: ['*'], olderThan: '1h' }] }
const clean = (registry: string, ...rules: string[][]) => ({
  cleanup: {
    registries: [{ registry, policy: { rules: rules.map((repositories) => ({ ...policy.rules[0], repositories })) } }],
  },
})
const stepBudget = { step: 'RUN soak*', toldAfter: '1h', endedAfter: 'never' }
const daemonWithStep = (step: Partial<typeof stepBudget>) => ({
  daemon: { budgets: { steps: [{ ...stepBudget, ...step }] } },
})

describe('ci.yaml', () => {
  it('needs the two images, and nothing else', () => {
    expect(configOf().daemon).toMatchObject({ isolation: 'rootless', shards: 1, storage: { kind: 'volume' } })
    expect(configOf().agentNamespace).toBe('buildkit-ci')
    expect(refusalOf({ images: { guard: 'a/b:1' } })).toEqual([
      'ci.yaml:1: images.ci: must be an image, like node:20, and is missing',
    ])
  })

  it('takes networks of both kinds, up to a single address', () => {
    const networks = ['0.0.0.0/0', '10.1.2.3/32', 'fd00::/8', '::1/128', '::ffff:10.0.0.0/104']
    expect(configOf({ nodes: { networks } }).nodes?.networks).toEqual(networks)
  })

  it('takes rules for Docker Hub that name their repositories', () => {
    expect(configOf(clean('docker.io', ['acme/app'], ['acme/web', 'acme/db'])).cleanup?.registries).toHaveLength(1)
  })

  it.each([
    ['a typing error', { daemon: { shard: 2 } }, 'daemon.shard: unknown key; did you mean "shards"?'],
    [
      'a size without a unit',
      { daemon: { storage: { size: '100' } } },
      'daemon.storage.size: must be a size in Mi, Gi or Ti',
    ],
    ['a size that is too small', { daemon: { resources: { memory: '10Mi' } } }, 'from 512Mi to 16Ti'],
    [
      'a duration without a unit',
      { daemon: { drainTimeout: '30' } },
      'daemon.drainTimeout: must be a duration with its unit',
    ],
    [
      'shares of more than the disk',
      { daemon: { gc: { mostUsed: 90, leastFree: 20 } } },
      'daemon.gc.leastFree: and mostUsed are 110 percent together',
    ],
    [
      'a reserve above the most',
      { daemon: { gc: { reserved: 80 } } },
      'daemon.gc.reserved: is 80, more than mostUsed (70)',
    ],
    [
      'cache mounts above the most',
      { daemon: { gc: { cacheMounts: { beyond: 80 } } } },
      'daemon.gc.cacheMounts: go beyond 80 percent, which is above mostUsed (70)',
    ],
    [
      'an end before the word',
      { daemon: { budgets: { toldAfter: '1h' } } },
      'daemon.budgets.toldAfter: is longer than endedAfter',
    ],
    ['a drain without time', { daemon: { drainTimeout: '0s' } }, 'daemon.drainTimeout: must be a duration'],
    ['a collection once a month', { localRegistry: { collectEvery: '577h' } }, 'localRegistry.collectEvery: must be'],
    ['a port that there is not', { proxies: { upstreams: { 'gcr.io:99999': {} } } }, 'must be a registry'],
    [
      'a URL with such a port',
      { proxies: { upstreams: { 'gcr.io': { remoteUrl: 'https://gcr.io:99999' } } } },
      'remoteUrl: must be an http:// or https:// URL',
    ],
    [
      'an end of a step before the word',
      daemonWithStep({ toldAfter: '2h', endedAfter: '1h' }),
      'daemon.budgets.steps[0].toldAfter: is longer than endedAfter',
    ],
    [
      'a step of two lines',
      daemonWithStep({ step: 'RUN a\nb' }),
      "daemon.budgets.steps[0].step: must be a step's name",
    ],
    [
      'a class without Kata',
      { daemon: { runtimeClass: 'kata' } },
      'daemon.runtimeClass: is for isolation kata, and it is rootless',
    ],
    [
      'Kata without a volume',
      { daemon: { isolation: 'kata', storage: { kind: 'ephemeral' } } },
      'daemon.storage.kind: must be volume under Kata',
    ],
    [
      'a port twice',
      {
        nodes: { networks: ['10.0.0.0/8'] },
        proxies: { upstreams: { 'gcr.io': { nodePort: 30500 } } },
        localRegistry: { nodePort: 30500 },
      },
      'localRegistry.nodePort: 30500 is taken by another registry',
    ],
    ['a port without nodes', { localRegistry: { nodePort: 30500 } }, 'localRegistry.nodePort: needs `nodes`'],
    [
      'shards without a repository',
      { daemon: { shards: 2 }, agents: { app: { command: ['x'] } } },
      'agents.app.repository: is missing: it chooses one of the 2 shards',
    ],
    [
      'Jobs in the namespace of the daemons, which admits privileged pods',
      { agents: { app: { command: ['x'], jobs: true } } },
      'agents.app.jobs: needs an agentNamespace other than namespace',
    ],
    [
      'the same with the namespace written twice',
      { namespace: 'ci', agentNamespace: 'ci', agents: { app: { command: ['x'], jobs: true } } },
      'agents.app.jobs: needs an agentNamespace other than namespace',
    ],
    ['a clean-up of nothing', { cleanup: {} }, 'cleanup: cleans nothing'],
    [
      'a registry that is cleaned twice',
      { cleanup: { registries: ['gcr.io', 'docker.io', 'gcr.io'].map((registry) => ({ registry, policy })) } },
      'cleanup.registries[2].registry: gcr.io is there already',
    ],
    [
      'a rule for all repositories of Docker Hub, which does not list them',
      { cleanup: { registries: [{ registry: 'docker.io', policy }] } },
      'cleanup.registries[0].policy.rules[0].repositories: must name each repository, without *: docker.io does not list',
    ],
    [
      'the same by its other name, in the second rule',
      clean('registry-1.docker.io', ['acme/app'], ['acme/*']),
      'cleanup.registries[0].policy.rules[1].repositories: must name each repository',
    ],
    ...[
      '999.0.0.0/99',
      '10.0.0.0/33',
      '10.0.0/8',
      '010.0.0.0/8',
      '10.0.0.0/08',
      '10.0.0.0',
      'fd00::/129',
      'fd00:::/8',
    ].map(
      (network) =>
        [
          `the network ${network}`,
          { nodes: { networks: ['10.0.0.0/8', network] } },
          'nodes.networks[1]: must be an IPv4 network with a prefix up to /32 or an IPv6 network with one up to /128',
        ] as [string, object, string],
    ),
    [
      'such a network among those that builds may not reach',
      { daemon: { blockedEgress: ['1.2.3.4/99'] } },
      'daemon.blockedEgress[0]: must be an IPv4 network',
    ],
    ['a policy that nobody reads', { localRegistry: { policy } }, 'localRegistry.policy: needs `cleanup`'],
    [
      'a toleration of everything with a value',
      { daemon: { tolerations: [{ operator: 'Exists', value: 'x' }] } },
      'has no meaning with operator Exists',
    ],
    [
      'an architecture that QEMU has not',
      { binfmt: { architectures: ['arm46'] } },
      'binfmt.architectures[0]: must be amd64, arm64',
    ],
  ])('refuses %s, with its line', (_, more, message) => {
    const lines = refusalOf(more)
    expect(lines.join('\n')).toContain(message)
    expect(lines[0]).toMatch(/^ci\.yaml:\d+: /)
  })
})
