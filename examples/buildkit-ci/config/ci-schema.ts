/** The whole of ci.yaml. `docs/config.md` describes every key. */
import type { z } from 'zod'
import { image } from '../../kata-build-runner/config/build-schema.js'
import {
  dnsLabel,
  dnsName,
  flag,
  labelValue,
  list,
  map,
  metadataKey,
  strict,
  text,
  whole,
} from '../../kata-build-runner/config/schema-parts.js'
import { daemon } from './daemon-schema.js'
import { cleanup, localRegistry, nodes, proxies } from './registries-schema.js'
import { cpu, oneOf, size, span, tolerations } from './schema-parts.js'

/** No default: no registry has these images until the reader has pushed them there. */
const images = strict({
  guard: image,
  ci: image,
  pullSecrets: list('names of Secrets', dnsName("a Secret's name")).default([]),
})

/** What QEMU emulates, by Go's names, as `tonistiigi/binfmt --install` takes them. */
const architecture = oneOf(
  'amd64',
  'arm64',
  'arm',
  'riscv64',
  'ppc64le',
  's390x',
  '386',
  'mips64',
  'mips64le',
  'loong64',
)

const binfmt = strict({
  architectures: list('architectures', architecture).min(1, { error: 'names no architecture' }),
  image: image.default('tonistiigi/binfmt:qemu-v10.0.4'),
  holderImage: image.default('busybox:1.37'),
  nodeSelector: map('labels', metadataKey(), labelValue()).default({}),
  tolerations: tolerations.default([]),
})

const repository = text('a repository, like team/app', /^[A-Za-z0-9][\w./-]{0,254}$/)

const agent = strict({
  replicas: whole('', 0, 1000).default(1),
  repository: repository.optional(),
  image: image.optional(),
  command: list('words', text('a word')).min(1, { error: 'names no program' }),
  cacheRegistry: text(
    'where caches are pushed to, like registry.example/cache',
    /^[a-z0-9][a-z0-9.:/_-]*[a-z0-9]$/,
  ).optional(),
  registrySecret: dnsName("a Secret's name").optional(),
  environmentSecret: dnsName("a Secret's name").optional(),
  beatMaxAge: span('1s', '10m').prefault('30s'),
  jobs: flag().default(false),
  resources: strict({ cpu: cpu().prefault(1), memory: size('128Mi', '1Ti').prefault('2Gi') }).prefault({}),
  storage: size('1Gi', '1Ti').prefault('10Gi'),
  terminationGrace: span('10s', '24h').prefault('30m'),
})

const base = strict({
  namespace: dnsLabel("a namespace's name").default('buildkit-ci'),
  agentNamespace: dnsLabel("a namespace's name").optional(),
  createNamespaces: flag().default(true),
  images,
  daemon: daemon.prefault({}),
  proxies: proxies.prefault({}),
  localRegistry: localRegistry.optional(),
  cleanup: cleanup.optional(),
  nodes: nodes.optional(),
  binfmt: binfmt.optional(),
  agents: map('agents', dnsLabel("an agent's name", 40), agent).default({}),
})

type Parsed = z.output<typeof base>

export const ciSchema = base
  .superRefine((config, context) => {
    for (const { path, message } of contradictions(config)) context.addIssue({ code: 'custom', path, message })
  })
  .transform(({ agentNamespace, ...config }) => ({ ...config, agentNamespace: agentNamespace ?? config.namespace }))

/** `ci.yaml` with its defaults filled in. */
export type CiConfig = z.output<typeof ciSchema>

interface Contradiction {
  path: (string | number)[]
  message: string
}

/** What only several keys together show. */
function contradictions(config: Parsed): Contradiction[] {
  const { proxies, localRegistry, nodes, cleanup, agents, daemon, namespace, agentNamespace = namespace } = config
  const ports = [
    ...Object.entries(proxies.upstreams).map(([name, { nodePort }]) => ({
      path: ['proxies', 'upstreams', name, 'nodePort'],
      nodePort,
    })),
    { path: ['localRegistry', 'nodePort'], nodePort: localRegistry?.nodePort },
  ].filter(({ nodePort }) => nodePort !== undefined)
  const twice = ports.filter(({ nodePort }, index) => ports.findIndex((port) => port.nodePort === nodePort) < index)
  const found = twice.map(({ path, nodePort }) => ({
    path,
    message: `${nodePort} is taken by another registry; choose another`,
  }))
  const cleaned = (cleanup?.registries ?? []).map(({ registry }) => registry)
  const cleanedTwice = cleaned.flatMap((registry, index) => (cleaned.indexOf(registry) < index ? [index] : []))
  const unreachable = nodes === undefined ? ports : []
  const idle = cleanup !== undefined && cleanup.registries.length === 0 && localRegistry?.policy === undefined
  // An agent has one builder, and so one daemon, for as long as it lives.
  const unsharded =
    daemon.shards === 1 ? [] : Object.keys(agents).filter((name) => agents[name]?.repository === undefined)
  // The namespace of the daemons admits privileged pods: who may make Jobs there is root on their nodes.
  const rooted = agentNamespace === namespace ? Object.keys(agents).filter((name) => agents[name]?.jobs) : []
  return [
    ...found,
    ...rooted.map((name) => ({
      path: ['agents', name, 'jobs'],
      message: 'needs an agentNamespace other than namespace, where a Job could be root on its node; set one',
    })),
    ...unsharded.map((name) => ({
      path: ['agents', name, 'repository'],
      message: `is missing: it chooses one of the ${daemon.shards} shards`,
    })),
    ...unreachable.map(({ path }) => ({ path, message: 'needs `nodes`, which says how nodes reach it' })),
    ...cleanedTwice.map((index) => ({
      path: ['cleanup', 'registries', index, 'registry'],
      message: `${cleaned[index]} is there already; write all its rules in one policy`,
    })),
    ...(idle
      ? [{ path: ['cleanup'], message: 'cleans nothing: it has no registries, and localRegistry has no policy' }]
      : []),
    ...(localRegistry?.policy !== undefined && cleanup === undefined
      ? [{ path: ['localRegistry', 'policy'], message: 'needs `cleanup`, which says when' }]
      : []),
  ]
}
