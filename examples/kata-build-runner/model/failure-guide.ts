import type { FailureKind } from './failure.js'

/** What each kind of failure means, and what to do in general; a failure's own `remedy` may know more. */
export const failureGuide: Record<FailureKind, { meaning: string; remedy: string }> = {
  'image-name': {
    meaning: 'an image of this name does not exist, cannot exist, or not for this kind of node',
    remedy: 'correct the image name; look whether tag and platform exist in the registry',
  },
  'image-pull': {
    meaning: 'the image could not be pulled: no access, the registry or the way to it is down, or the disk is full',
    remedy: 'look at the evidence: credentials go into `imagePullSecrets`, the rest is between node and registry',
  },
  unschedulable: {
    meaning: 'no node took the pod within the stage `queued`, or the node that had it refused it',
    remedy: 'compare tier and node selectors with what the nodes have, or raise `stageTimeouts.queued`',
  },
  'runtime-class': {
    meaning: 'the RuntimeClass does not exist, or the node knows no runtime of its handler',
    remedy: 'run `preflight`; install Kata on the node, or correct `runtimeClass`',
  },
  quota: {
    meaning: "a ResourceQuota left no room for the build's pod",
    remedy: 'wait for other builds, choose a smaller tier, or raise the quota',
  },
  admission: {
    meaning: 'an admission plugin, a policy or a webhook refused the pod',
    remedy: 'change what it names (executor settings, or the policy of the namespace)',
  },
  'missing-secret': {
    meaning: 'a Secret that the build reads does not exist, or has no such key',
    remedy: "create the Secret in the build's namespace, or correct `environment`",
  },
  'container-config': {
    meaning: 'the node refuses the configuration of a container',
    remedy: 'see the evidence; for a root image set `user`, or `allowRoot` in the executor',
  },
  'start-error': {
    meaning: 'the container could not be created or started, or the guard could not begin',
    remedy: 'see the evidence; a missing file or a wrong exec format is a wrong image, the rest is the node',
  },
  installer: {
    meaning: 'an init container failed: the installer of our executables, or the docker sidecar',
    remedy: "see the evidence; `launchImage` must be built for the node's architecture",
  },
  'stage-timeout': {
    meaning: 'a stage before the start took longer than its limit, or the start never came, and nobody said why',
    remedy: 'look at the node named, or raise the limit in `stageTimeouts`',
  },
  launch: {
    meaning: 'the API server refused the Job or the Secret of the build, or did not answer',
    remedy: 'do what the API server names; `preflight` says whether the cluster is ready',
  },
  'step-failed': {
    meaning: 'a step ended with an exit status other than 0, crashed, or could not be run',
    remedy: "read the step's output",
  },
  stalled: {
    meaning: 'a step showed no sign of life for longer than its budget',
    remedy: 'look at the phase and the place in the evidence; give a step that is silent for long a `silenceBudget`',
  },
  dead: {
    meaning: 'a watched process of the build died, or never appeared, while its step went on',
    remedy: "read the step's output for how the process ended",
  },
  'time-limit': {
    meaning: 'a step took longer than its own `timeLimit`',
    remedy: 'raise `timeLimit` of the step, or find out what takes so long',
  },
  deadline: {
    meaning: "the build took longer than its `timeout` (or the executor's `buildTimeout`)",
    remedy: "raise the build's `timeout`, up to `maxBuildTimeout`",
  },
  'oom-killed': {
    meaning: 'the kernel killed a process of the build because its memory was used up',
    remedy: 'choose a larger memory tier, or run less in parallel',
  },
  evicted: {
    meaning: 'the node or the eviction API took the pod away',
    remedy: 'see the evidence: a larger disk or memory tier, or another time',
  },
  'node-lost': {
    meaning: 'the node went away, was shut down, or no longer answers',
    remedy: 'start the build again; look at the node',
  },
  preempted: {
    meaning: 'a pod of higher priority took the place of the build',
    remedy: 'start the build again, or give builds a priority class',
  },
  signalled: {
    meaning: 'a signal ended the build, and nothing says for certain who sent it',
    remedy: 'see the evidence; SIGKILL without a word is most often memory: try a larger memory tier',
  },
  cancelled: {
    meaning: 'the build was cancelled',
    remedy: 'start it again, should that have been a mistake',
  },
  'job-vanished': {
    meaning: 'somebody deleted the Job or its pod',
    remedy: 'find out who deletes Jobs or pods in the namespace (the audit log says it)',
  },
  unproven: {
    meaning: 'the build ended without a final record of the guard that can be believed, whatever its exit status says',
    remedy: 'look at the log; start the build again if it can be repeated',
  },
}
