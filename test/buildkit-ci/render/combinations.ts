/** Configs as a file may have them: every key that the shape of a manifest depends on, alone and together with the others. */
import fc from 'fast-check'

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined })
/** Keys without a value are not written. */
const part = <Value extends object>(keys: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record(keys).map((value) => Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)))

const size = fc.constantFrom('1Gi', '200Gi', '3Ti')
const storageClass = maybe(fc.constantFrom('ssd', 'fast.example'))
const selector = maybe(fc.constant({ pool: 'builds' }))
const tolerations = maybe(fc.constant([{ key: 'pool', value: 'builds' }, { operator: 'Exists' }]))

const daemon = fc.constantFrom('rootless', 'privileged', 'kata').chain((isolation) =>
  part({
    isolation: fc.constant(isolation),
    runtimeClass: isolation === 'kata' ? maybe(fc.constant('kata-clh')) : fc.constant(undefined),
    shards: fc.integer({ min: 1, max: 4 }),
    storage: part({
      kind: fc.constantFrom(...(isolation === 'kata' ? ['volume'] : ['volume', 'ephemeral'])),
      size,
      storageClass,
    }),
    maxParallelism: maybe(fc.integer({ min: 1, max: 64 })),
    drainTimeout: fc.constantFrom('1s', '1m30s', '24h'),
    budgets: maybe(
      fc.constant({
        toldAfter: '1m',
        endedAfter: '1h',
        steps: [{ step: 'RUN soak*', toldAfter: '1h', endedAfter: 'never' }],
      }),
    ),
    nodeSelector: selector,
    tolerations,
    priorityClass: maybe(fc.constant('ci')),
    blockedEgress: maybe(fc.constantFrom([], ['10.0.0.0/8', 'fd00::/8'])),
    metricsFrom: maybe(fc.constant({ team: 'monitoring' })),
  }),
)

const longHosts = ['asia-northeast1-docker.pkg.dev', '123456789012.dkr.ecr.ap-southeast-2.amazonaws.com']
const hosts = [
  ...['docker.io', 'gcr.io', 'ci.azurecr.io', 'registry-mirror.example:5000', 'registry.mirror.example:5000'],
  ...longHosts,
]
const upstreams = fc.subarray(hosts).chain((chosen) =>
  fc
    .tuple(
      ...chosen.map((_, index) =>
        part({
          size: maybe(size),
          storageClass,
          credentialsSecret: maybe(fc.constant('upstream')),
          nodePort: maybe(fc.constant(30_500 + index)),
        }),
      ),
    )
    .map((each) => Object.fromEntries(chosen.map((host, index) => [host, each[index]]))),
)

const policy = { keep: [{ tags: ['v*'] }], rules: [{ name: 'old', tags: ['*'], olderThan: '720h', keepNewest: 3 }] }
const localRegistry = part({
  kind: fc.constantFrom('zot', 'distribution'),
  size,
  storageClass,
  nodePort: maybe(fc.constant(30_600)),
})
const cleanup = part({
  dryRun: maybe(fc.boolean()),
  registries: fc.constant([
    { registry: 'gcr.io', policy },
    { registry: 'ci.azurecr.io', credentialsSecret: 'clean', policy },
    ...longHosts.map((registry) => ({ registry, policy })),
  ]),
})

const agent = part({
  replicas: fc.integer({ min: 0, max: 3 }),
  repository: fc.constant('team/app'),
  image: maybe(fc.constant('registry.example/agent:1')),
  command: fc.constantFrom(['/start.sh'], ['agent', '--once']),
  cacheRegistry: maybe(fc.constant('registry.example/cache')),
  registrySecret: maybe(fc.constant('registries')),
  environmentSecret: maybe(fc.constant('agent')),
  jobs: fc.boolean(),
})

const all = part({
  namespace: fc.constantFrom('ci', 'ci-build'),
  agentNamespace: maybe(fc.constant('ci-agents')),
  createNamespaces: fc.boolean(),
  daemon: maybe(daemon),
  proxies: maybe(upstreams.map((each) => ({ upstreams: each }))),
  localRegistry: maybe(localRegistry),
  cleanup: maybe(cleanup),
  nodes: fc.constant({ networks: ['10.0.0.0/16'] }),
  binfmt: maybe(
    part({
      architectures: fc.constantFrom(['arm64'], ['arm64', 'riscv64', '386', 'mips64le']),
      nodeSelector: selector,
      tolerations,
    }),
  ),
  agents: maybe(fc.dictionary(fc.constantFrom('app', 'other'), agent)),
})

/** Jobs of agents need a namespace of their own. */
export const configs = all.map((config) => {
  const { agents, agentNamespace } = config as { agents?: Record<string, object>; agentNamespace?: string }
  if (agents === undefined || agentNamespace !== undefined) return config
  const without = Object.entries(agents).map(([name, each]) => [name, { ...each, jobs: false }])
  return { ...config, agents: Object.fromEntries(without) }
})
