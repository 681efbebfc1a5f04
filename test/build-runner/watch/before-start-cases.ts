import type { Observed } from '../../../examples/kata-build-runner/watch/observed.js'
import type { Case } from './cases.js'
import {
  at,
  event,
  image,
  inBuild,
  inInstaller,
  installed,
  job,
  limits,
  observed,
  of,
  pod,
  podInitializing,
  terminated,
  waiting,
} from './shapes.js'

const over = (limitMs: number) => limitMs / 1000 + 1

const refused = (message: string, afterSeconds = 60) =>
  observed({
    afterSeconds,
    job: job({ active: 0 }),
    events: of(() => event('Job', 'FailedCreate', `Error creating: ${message}`, { count: 4 })),
  })

const unscheduled = (message: string): Observed =>
  observed({
    afterSeconds: over(limits.queuedMs),
    since: { queued: at(0) },
    pod: pod({ node: null, conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] }),
  })

const unpulled = (reason: string, message: string, failed: string[], afterSeconds = 60): Observed =>
  observed({
    afterSeconds,
    since: { pulling: at(0) },
    pod: pod({ installer: installed, build: waiting(reason, message) }),
    events: of(
      ...failed.map(
        (words) => () => event('Pod', 'Failed', `Failed to pull image "${image}": ${words}`, { container: inBuild }),
      ),
      () => event('Pod', 'BackOff', `Back-off pulling image "${image}"`, { container: inBuild, type: 'Normal' }),
    ),
  })

const setUp = (reason: string, message: string): Observed =>
  observed({
    afterSeconds: over(limits.startingMs),
    since: { scheduled: at(0) },
    pod: pod({ installer: podInitializing, build: podInitializing }),
    events: of(() => event('Pod', reason, message, { count: 14 })),
  })

const making = (reason: string, message: string, afterSeconds = over(limits.startingMs)): Observed =>
  observed({
    afterSeconds,
    since: { starting: at(0) },
    pod: pod({ installer: installed, build: waiting(reason, message) }),
  })

const denied =
  'rpc error: code = Unknown desc = failed to pull and unpack image "registry.example/node:12": failed to resolve reference "registry.example/node:12": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed'
const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/node:12": failed to resolve reference "registry.example/node:12": registry.example/node:12: not found'

export const beforeStartCases: Case[] = [
  // --- the image
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
      since: { pulling: at(0) },
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
      since: { pulling: at(0) },
      pod: pod({ installer: installed, build: podInitializing }),
      events: of(() => event('Pod', 'Pulling', `Pulling image "${image}"`, { container: inBuild, type: 'Normal' })),
    }),
    kind: 'stage-timeout',
    says: ['pulling', image, '900 s'],
    retry: true,
  },
  // --- scheduling
  {
    name: 'no room and no label',
    observed: unscheduled(
      "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are available: 3 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
    ),
    kind: 'unschedulable',
    says: [
      'none of 5 nodes',
      '2 too little CPU free (the build asks for 6)',
      'dedicated=screwdriver-kata',
      'node-role.kubernetes.io/control-plane',
    ],
    remedy: /tier\.cpu.*nodeSelectors/,
    retry: true,
    evidence: 'Preemption is not helpful',
  },
  {
    name: 'a label that no node has',
    observed: unscheduled(
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    ),
    kind: 'unschedulable',
    says: ['none of 3 nodes', 'dedicated=screwdriver-kata'],
    remedy: 'nodeSelectors',
    retry: false,
  },
  {
    name: 'no memory, in the words of 1.34',
    observed: unscheduled(
      '0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient memory. no new claims to deallocate, preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod.',
    ),
    kind: 'unschedulable',
    says: ['3 too little memory free (the build asks for 12Gi)', '1 with a taint'],
    remedy: 'tier.memory',
    retry: true,
  },
  {
    name: 'a node that had given its room away',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        reason: 'OutOfcpu',
        message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 6000, used: 3200, capacity: 8000",
      }),
    }),
    kind: 'unschedulable',
    says: ['node kata-7 refused the pod', 'cpu'],
    retry: true,
  },
  // --- refused: only the Job's events say it
  {
    name: 'no such RuntimeClass',
    observed: refused('pods "web-1-" is forbidden: pod rejected: RuntimeClass "kata" not found'),
    kind: 'runtime-class',
    says: ['RuntimeClass "kata" not found'],
    remedy: 'preflight',
    evidence:
      'FailedCreate: Error creating: pods "web-1-" is forbidden: pod rejected: RuntimeClass "kata" not found (4 times)',
  },
  {
    name: 'a quota that is used up, at the limit',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: exceeded quota: builds, requested: limits.memory=12Gi, used: limits.memory=56Gi, limited: limits.memory=64Gi',
      over(limits.createdMs),
    ),
    kind: 'quota',
    says: ['exceeded quota: builds'],
    retry: true,
  },
  {
    name: 'a quota that counts what the pod does not name',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: failed quota: builds: must specify limits.cpu for: shm-liveness-install; limits.memory for: shm-liveness-install',
    ),
    kind: 'quota',
    says: ['must specify limits.cpu'],
    remedy: 'LimitRange',
  },
  {
    name: 'Pod Security',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: violates PodSecurity "restricted:latest": privileged (container "docker" must not set securityContext.privileged=true), runAsNonRoot != true (container "docker" must not set securityContext.runAsNonRoot=false)',
    ),
    kind: 'admission',
    says: ['violates PodSecurity'],
    remedy: 'dockerFeatureEnabled',
  },
  {
    name: 'a LimitRange',
    observed: refused('pods "web-1-f2x9c" is forbidden: maximum memory usage per Container is 8Gi, but limit is 12Gi'),
    kind: 'admission',
    says: ['maximum memory usage'],
    remedy: 'LimitRange',
  },
  {
    name: 'a policy that denies',
    observed: refused('admission webhook "validate.policies.example" denied the request: only signed images'),
    kind: 'admission',
    says: ['only signed images'],
  },
  {
    name: 'a webhook that does not answer, at the limit',
    observed: refused(
      'Internal error occurred: failed calling webhook "inject.example": failed to call webhook: Post "https://inject.mesh.svc:443/inject?timeout=10s": context deadline exceeded',
      over(limits.createdMs),
    ),
    kind: 'admission',
    says: ['failed calling webhook'],
    retry: true,
  },
  {
    name: 'a queue that never lets it in',
    observed: observed({
      afterSeconds: over(limits.createdMs),
      job: job(
        { conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }] },
        { suspend: true },
        { labels: { 'kueue.x-k8s.io/queue-name': 'builds' } },
      ),
    }),
    kind: 'stage-timeout',
    says: ['"created"', 'waits in queue builds'],
    retry: true,
  },
  // --- the node
  {
    name: 'no runtime of the handler (containerd)',
    observed: setUp(
      'FailedCreatePodSandBox',
      'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata" is configured',
    ),
    kind: 'runtime-class',
    says: ['kata-7', 'handler kata'],
    remedy: 'containerd or CRI-O',
    retry: true,
  },
  {
    name: 'no runtime of the handler (CRI-O)',
    observed: setUp(
      'FailedCreatePodSandBox',
      'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to find runtime handler kata from runtime list map[crun:0xc0001 runc:0xc0002]',
    ),
    kind: 'runtime-class',
    says: ['kata-7', 'handler kata'],
    retry: true,
  },
  {
    name: 'a virtual machine that does not start',
    observed: setUp(
      'FailedCreatePodSandBox',
      'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox "3f": failed to create containerd task: failed to create shim task: Could not access KVM kernel module: No such file or directory: unknown',
    ),
    kind: 'stage-timeout',
    says: ['kata-7', 'KVM'],
    retry: true,
  },
  {
    name: "the steps' Secret is gone",
    observed: setUp('FailedMount', 'MountVolume.SetUp failed for volume "steps" : secret "web-1" not found'),
    kind: 'missing-secret',
    says: ['web-1'],
    remedy: 'somebody deleted it',
    retry: true,
  },
  {
    name: 'a Secret of the build file that does not exist',
    observed: making('CreateContainerConfigError', 'secret "npm-token" not found'),
    kind: 'missing-secret',
    says: ['npm-token', 'container build'],
    remedy: 'environment',
    retry: false,
  },
  {
    name: 'a Secret without the key',
    observed: making('CreateContainerConfigError', "couldn't find key token in Secret builds/npm-token"),
    kind: 'missing-secret',
    says: ['npm-token', 'no key token'],
  },
  {
    name: 'an image of root, at once',
    observed: making(
      'CreateContainerConfigError',
      'container has runAsNonRoot and image will run as root (pod: "web-1-x7k2p_builds(pod-uid)", container: build)',
      5,
    ),
    kind: 'container-config',
    says: ['runAsNonRoot'],
    remedy: 'user',
  },
  {
    name: 'a runtime that cannot make the container',
    observed: making(
      'CreateContainerError',
      'failed to reserve container name "build_web-1-x7k2p_builds_pod-uid_0": name is reserved for "8a"',
    ),
    kind: 'start-error',
    says: ['container build', 'reserve container name'],
    retry: true,
  },
  {
    name: 'a guard that is not where its path says',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        installer: installed,
        build: terminated(
          128,
          'StartError',
          'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "/shm-liveness/shm-guard": stat /shm-liveness/shm-guard: no such file or directory: unknown',
          '1970-01-01T00:00:00Z',
        ),
      }),
    }),
    kind: 'start-error',
    says: ['no such file or directory'],
    remedy: 'launchImage',
    retry: false,
  },
  {
    name: 'a guard for another architecture',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        installer: installed,
        build: terminated(
          128,
          'StartError',
          'failed to create shim task: exec /shm-liveness/shm-guard: exec format error: unknown',
          '1970-01-01T00:00:00Z',
        ),
      }),
    }),
    kind: 'start-error',
    says: ['exec format error'],
    remedy: 'architecture',
  },
  {
    name: 'a shim that fails at the start',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        installer: installed,
        build: terminated(
          128,
          'StartError',
          'failed to start containerd task "build": ttrpc: closed: unknown',
          '1970-01-01T00:00:00Z',
        ),
      }),
    }),
    kind: 'start-error',
    says: ['ttrpc'],
    retry: true,
  },
  {
    name: 'an installer whose self-test fails',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        installer: terminated(1, 'Error', 'self-test: /shm-liveness/shm-probe cannot be run: noexec'),
        build: podInitializing,
      }),
    }),
    kind: 'installer',
    says: ['shm-liveness-install', 'exited with 1', 'noexec'],
  },
  {
    name: 'an installer that cannot be run',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        installer: terminated(
          128,
          'StartError',
          'failed to create shim task: exec: "/shm-probe": stat /shm-probe: no such file or directory',
          '1970-01-01T00:00:00Z',
        ),
        build: podInitializing,
      }),
    }),
    kind: 'installer',
    says: ['could not be started', '/shm-probe'],
    remedy: 'launchImage',
  },
  {
    name: 'a docker daemon that fails again and again',
    observed: observed({
      afterSeconds: over(limits.initMs),
      since: { init: at(0) },
      pod: pod({
        docker: {
          ...{ restartCount: 5, started: false },
          state: waiting(
            'CrashLoopBackOff',
            'back-off 2m40s restarting failed container=docker pod=web-1-x7k2p_builds(pod-uid)',
          ),
          lastState: terminated(1, 'Error'),
        },
        installer: podInitializing,
        build: podInitializing,
        conditions: [{ type: 'PodReadyToStartContainers', status: 'True' }],
      }),
    }),
    kind: 'installer',
    says: ['the sidecar docker', 'exited with 1'],
    evidence: 'CrashLoopBackOff',
  },
  {
    name: 'a container that is never made, and nobody says why',
    observed: making('ContainerCreating', ''),
    kind: 'stage-timeout',
    says: ['"starting"', '180 s'],
    retry: true,
  },
  // --- taken away before its start
  {
    name: 'preempted before its start',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        build: podInitializing,
        installer: podInitializing,
        conditions: [
          {
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'PreemptionByScheduler',
            message: 'default-scheduler: preempting to accommodate a higher priority pod',
          },
        ],
      }),
    }),
    kind: 'preempted',
    says: ['kata-7'],
    retry: true,
  },
  {
    name: 'evicted before its start',
    observed: observed({
      pod: pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: ephemeral-storage. ' }),
    }),
    kind: 'evicted',
    says: ['low on resource: ephemeral-storage'],
    retry: true,
  },
  {
    name: 'out of time before its start',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      }),
    }),
    kind: 'deadline',
    says: ['5400 s'],
    retry: false,
  },
  {
    name: 'the Job deleted before it had a pod',
    observed: observed({ jobVanished: true }),
    kind: 'job-vanished',
    says: ['web-1'],
    retry: false,
  },
  {
    name: 'cancelled before its start',
    observed: observed({ jobVanished: true, cancelled: true }),
    kind: 'cancelled',
    says: ['before the build container had started'],
  },
]
