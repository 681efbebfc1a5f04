import type { Observed } from '../../../../examples/kata-build-runner/watch/observed.js'
import { event, installed, limits, observed, of, over, pod, podInitializing, terminated, waiting } from '../shapes.js'
import type { Case } from './case.js'

const setUp = (reason: string, message: string): Observed =>
  observed({
    afterSeconds: over(limits.startingMs),
    since: { scheduled: 0 },
    pod: pod({ installer: podInitializing, build: podInitializing }),
    events: of(() => event('Pod', reason, message, { count: 14 })),
  })

const making = (reason: string, message: string, afterSeconds = over(limits.startingMs)): Observed =>
  observed({
    afterSeconds,
    since: { starting: 0 },
    pod: pod({ installer: installed, build: waiting(reason, message) }),
  })

export const nodeCases: Case[] = [
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
      since: { init: 0 },
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
]
