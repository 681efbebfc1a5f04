import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node'
import { type Isolation, plainUser } from './paths.js'

/**
 * What a daemon may do. Rootless needs user namespaces and mounts within them, so neither seccomp nor AppArmor may refuse
 * these, and newuidmap must gain its rights (moby/buildkit `docs/rootless.md`). All three need the Pod Security level
 * `privileged`: `baseline` admits no unconfined seccomp. Under Kata the machine is what is privileged, and not the node.
 */
export function daemonSecurity(isolation: Isolation): V1SecurityContext {
  if (isolation !== 'rootless') return { privileged: true }
  return {
    runAsUser: plainUser,
    runAsGroup: plainUser,
    seccompProfile: { type: 'Unconfined' },
    appArmorProfile: { type: 'Unconfined' },
  }
}

/** Volumes and Secrets belong to the group that the rootless daemon and the watcher run as. */
export function daemonPodSecurity(): V1PodSecurityContext {
  // A cache has millions of files: the kubelet looks at the owner of the first alone.
  return { fsGroup: plainUser, fsGroupChangePolicy: 'OnRootMismatch' }
}
