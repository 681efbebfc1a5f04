import type { Observed } from '../../../../examples/kata-build-runner/watch/observed.js'
import {
  event,
  image,
  inBuild,
  inInstaller,
  installed,
  limits,
  observed,
  of,
  over,
  pod,
  podInitializing,
  waiting,
} from '../shapes.js'
import type { Case } from './case.js'

const unpulled = (reason: string, message: string, failed: string[], afterSeconds = 60): Observed =>
  observed({
    afterSeconds,
    since: { pulling: 0 },
    pod: pod({ installer: installed, build: waiting(reason, message) }),
    events: of(
      ...failed.map(
        (words) => () => event('Pod', 'Failed', `Failed to pull image "${image}": ${words}`, { container: inBuild }),
      ),
      () => event('Pod', 'BackOff', `Back-off pulling image "${image}"`, { container: inBuild, type: 'Normal' }),
    ),
  })
const denied =
  'rpc error: code = Unknown desc = failed to pull and unpack image "registry.example/node:12": failed to resolve reference "registry.example/node:12": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed'
const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/node:12": failed to resolve reference "registry.example/node:12": registry.example/node:12: not found'

export const imageCases: Case[] = [
  {
    name: 'a name that cannot be one, at once',
    observed: unpulled(
      'InvalidImageName',
      'Failed to apply default image tag "Node:12": couldn\'t parse image name "Node:12": invalid reference format: repository name (library/Node) must be lowercase',
      [],
      2,
    ),
    kind: 'image-name',
    says: [image, 'not a valid name'],
    remedy: 'lower case',
  },
  {
    name: 'no such tag (containerd), after the second pull',
    observed: unpulled('ErrImagePull', notFound, [notFound, notFound]),
    kind: 'image-name',
    says: [image, 'does not exist'],
    evidence: 'not found',
  },
  {
    name: 'no such tag (CRI-O), in a back-off that does not say why',
    observed: unpulled('ImagePullBackOff', `Back-off pulling image "${image}"`, [
      'reading manifest 12 in registry.example/node: manifest unknown',
      'reading manifest 12 in registry.example/node: manifest unknown',
    ]),
    kind: 'image-name',
    says: ['manifest unknown'],
  },
  {
    name: 'no such platform',
    observed: unpulled(
      'ImagePullBackOff',
      `Back-off pulling image "${image}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "${image}": no match for platform in manifest: not found`,
      ['no match for platform in manifest: not found', 'no match for platform in manifest: not found'],
    ),
    kind: 'image-name',
    says: ['architecture'],
    remedy: 'platform',
  },
  {
    name: 'no access',
    observed: unpulled('ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${denied}`, [
      denied,
      denied,
    ]),
    kind: 'image-pull',
    says: ['no access'],
    remedy: 'imagePullSecrets',
  },
  {
    name: 'a token that was refused',
    observed: unpulled(
      'ErrImagePull',
      'failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://registry.example/token: 401 Unauthorized',
      ['401 Unauthorized', '401 Unauthorized'],
    ),
    kind: 'image-pull',
    says: ['no access'],
    remedy: 'imagePullSecrets',
  },
  {
    name: 'a registry without an address, at the limit',
    observed: unpulled(
      'ImagePullBackOff',
      `Back-off pulling image "${image}"`,
      [
        'failed to do request: Head "https://registry.example/v2/node/manifests/12": dial tcp: lookup registry.example on 10.0.0.2:53: no such host',
      ],
      over(limits.pullingMs),
    ),
    kind: 'image-pull',
    says: ['cannot be pulled', 'no such host'],
    retry: true,
  },
  {
    name: 'too many pulls, at the limit',
    observed: unpulled(
      'ErrImagePull',
      'unexpected status from HEAD request: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit',
      [],
      over(limits.pullingMs),
    ),
    kind: 'image-pull',
    says: ['429'],
    retry: true,
  },
  {
    name: "the installer's image",
    observed: observed({
      since: { pulling: 0 },
      pod: pod({
        installer: waiting('ImagePullBackOff', 'Back-off pulling image "registry.example/shm-liveness:1"'),
        build: podInitializing,
      }),
      events: of(() =>
        event(
          'Pod',
          'Failed',
          'Failed to pull image "registry.example/shm-liveness:1": rpc error: code = NotFound desc = registry.example/shm-liveness:1: not found',
          { container: inInstaller, count: 3 },
        ),
      ),
    }),
    kind: 'image-name',
    says: ['registry.example/shm-liveness:1', 'shm-liveness-install'],
  },
  {
    name: 'a pull that takes longer than its limit',
    observed: observed({
      afterSeconds: over(limits.pullingMs),
      since: { pulling: 0 },
      pod: pod({ installer: installed, build: podInitializing }),
      events: of(() => event('Pod', 'Pulling', `Pulling image "${image}"`, { container: inBuild, type: 'Normal' })),
    }),
    kind: 'stage-timeout',
    says: ['pulling', image, '900 s'],
    retry: true,
  },
]
