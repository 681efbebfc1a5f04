import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node'
import { restricted, restrictedAs } from '../pods.js'
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

/** Volumes and Secrets belong to the group of the rootless daemon. */
export function daemonPodSecurity(isolation: Isolation): V1PodSecurityContext {
  // A cache has millions of files: the kubelet looks at the owner of the first alone.
  return isolation === 'rootless' ? { fsGroup: plainUser, fsGroupChangePolicy: 'OnRootMismatch' } : {}
}

/** The watcher is the daemon's user, since a region and a socket belong to the user that made them; it has no other right. */
export function watcherSecurity(isolation: Isolation): V1SecurityContext {
  return isolation === 'rootless' ? restrictedAs(plainUser) : { ...restricted, runAsUser: 0 }
}
