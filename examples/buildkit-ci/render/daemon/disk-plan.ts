/**
 * How much of its disk a daemon may use. BuildKit's own defaults, and its percentages, are shares of the file system that
 * its folder is on (`DetectDefaultGCCap`, `DiskSpace.AsBytes`): of an emptyDir that is the node's disk. So they allow more
 * than the pod may have, and the kubelet evicts it. Here all shares are of the size that was asked for, in bytes.
 */
import type { CiConfig } from '../../config/ci-schema.js'

export interface DiskPlan {
  reservedBytes: number
  mostUsedBytes: number
  /** A share of the file system where that is the node's, as BuildKit writes it; else bytes. */
  leastFree: number | string
  /** Of the whole cache: beyond it unused contexts, checkouts and cache mounts go. */
  cacheMountsBeyondBytes: number
  /** What the container may write beside the volume: its root file system, logs, sockets. */
  ephemeralStorage: { request: string; limit: string }
}

/** A build's context, logs and the emulators that BuildKit copies go beside the volume. */
const besideVolume = { request: '1Gi', limit: '8Gi' }
const besideEmptyDirGi = 2
const bytesPerGi = 2 ** 30

export function diskPlanOf({ storage, gc }: CiConfig['daemon']): DiskPlan {
  const { bytes } = storage.size
  const share = (percent: number): number => Math.floor((bytes * percent) / 100)
  const shares = {
    reservedBytes: share(gc.reserved),
    mostUsedBytes: share(gc.mostUsed),
    cacheMountsBeyondBytes: share(gc.cacheMounts.beyond),
  }
  if (storage.kind === 'volume') return { ...shares, leastFree: share(gc.leastFree), ephemeralStorage: besideVolume }
  // The free space of an emptyDir is the node's. The kubelet evicts at 10 percent (`nodefs.available`) or 15
  // (`imagefs.available`), so BuildKit has to begin above that, whatever this pod's share is.
  const all = `${Math.ceil(bytes / bytesPerGi) + besideEmptyDirGi}Gi`
  return { ...shares, leastFree: `${Math.max(gc.leastFree, 20)}%`, ephemeralStorage: { request: all, limit: all } }
}
