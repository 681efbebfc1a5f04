/** Keys of the pull-through proxies, of the local registry, and of what is cleaned. */
import { image } from '../../kata-build-runner/config/build-schema.js'
import { dnsName, flag, list, map, strict, text, whole } from '../../kata-build-runner/config/schema-parts.js'
import { hasWildcard } from '../../kata-build-runner/config/wildcard.js'
import { listsRepositories } from '../registry/api/endpoint.js'
import { cleanPolicySchema } from '../registry/clean/policy.js'
import { networks, oneOf, schedule, size, span } from './schema-parts.js'

const hostText = 'a registry, like docker.io or registry.example:5000'
/** With the ending of a file it is a ConfigMap's key, of 253 characters at most. */
const host = text(hostText, /^(?=.{1,240}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/).refine(
  (value) => URL.canParse(`https://${value}`),
  { error: `must be ${hostText}` },
)
const urlText = 'an http:// or https:// URL without a path'
const nodePort = whole('', 30_000, 32_767)
const storageClass = dnsName("a StorageClass's name")

const upstream = strict({
  remoteUrl: text(urlText, /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?$/)
    .refine((value) => URL.canParse(value), { error: `must be ${urlText}` })
    .optional(),
  credentialsSecret: dnsName("a Secret's name").optional(),
  size: size('1Gi', '64Ti').prefault('50Gi'),
  storageClass: storageClass.optional(),
  ttl: span('1h', '8760h').prefault('168h'),
  nodePort: nodePort.optional(),
})

export const proxies = strict({
  image: image.default('registry:3.1.1'),
  upstreams: map('registries', host, upstream).default({}),
})

export const localRegistry = strict({
  kind: oneOf('zot', 'distribution').default('zot'),
  image: image.optional(),
  size: size('1Gi', '64Ti').prefault('100Gi'),
  storageClass: storageClass.optional(),
  nodePort: nodePort.optional(),
  // 24 days: the longest timer of Node.js, which `buildkit-ci registry` waits by.
  collectEvery: span('1h', '576h').prefault('24h'),
  policy: cleanPolicySchema.optional(),
})

const cleanedRegistry = strict({
  registry: host,
  credentialsSecret: dnsName("a Secret's name").optional(),
  policy: cleanPolicySchema,
}).superRefine(({ registry, policy }, context) => {
  if (listsRepositories(registry)) return
  for (const [index, { repositories }] of policy.rules.entries()) {
    if (!repositories.some(hasWildcard)) continue
    context.addIssue({
      code: 'custom',
      path: ['policy', 'rules', index, 'repositories'],
      message: `must name each repository, without *: ${registry} does not list its repositories`,
    })
  }
})

export const cleanup = strict({
  schedule: schedule.default('17 3 * * *'),
  registries: list('registries', cleanedRegistry).default([]),
  requestsPerSecond: whole('', 1, 1000).default(5),
  dryRun: flag().default(true),
})

/** What nodes must know to pull by the proxies: containerd runs outside of the cluster's network. */
export const nodes = strict({
  address: text(
    'a host name or address that every node reaches itself or a node by',
    /^[A-Za-z0-9.-]+$|^\[[0-9A-Fa-f:]+\]$/,
  ).default('127.0.0.1'),
  hostsDirectory: text('an absolute path', /^\/[\w./-]+$/).default('/etc/containerd/certs.d'),
  networks: networks('10.0.0.0/16').min(1, { error: 'names no network: the NetworkPolicy would refuse the nodes' }),
})
