import type { V1PersistentVolumeClaim, V1Volume, V1VolumeDevice, V1VolumeMount } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import { daemonName } from '../names.js'
import { configDirectory, dataDirectory, devicePath, socketDirectory, tlsDirectory } from './paths.js'

const dataName = 'data'
const socketVolume = 'socket'
const sharedMemoryVolume = 'shared-memory'

/** Where regions are: memory that both containers see, by every container runtime. */
const sharedMemoryMount: V1VolumeMount = { name: sharedMemoryVolume, mountPath: '/dev/shm' }

/** What the daemon and the container that watches it share. */
export const sharedMounts: V1VolumeMount[] = [{ name: socketVolume, mountPath: socketDirectory }, sharedMemoryMount]

/**
 * Under Kata a volume is a device of the virtual machine, with a file system of its own: a shared folder (virtio-fs) cannot
 * be the upper layer of overlayfs.
 */
export function isDevice({ isolation }: CiConfig['daemon']): boolean {
  return isolation === 'kata'
}

export function daemonMounts({ daemon }: CiConfig): {
  volumeMounts: V1VolumeMount[]
  volumeDevices?: V1VolumeDevice[]
} {
  const mounts = [
    ...sharedMounts,
    { name: 'config', mountPath: configDirectory, readOnly: true },
    { name: 'tls', mountPath: tlsDirectory, readOnly: true },
  ]
  if (isDevice(daemon)) return { volumeMounts: mounts, volumeDevices: dataDevices }
  return { volumeMounts: [...mounts, { name: dataName, mountPath: dataDirectory(daemon.isolation) }] }
}

export const dataDevices: V1VolumeDevice[] = [{ name: dataName, devicePath }]

export function daemonVolumes({ daemon }: CiConfig): V1Volume[] {
  const { storage, tls } = daemon
  return [
    { name: socketVolume, emptyDir: {} },
    { name: sharedMemoryVolume, emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
    { name: 'config', configMap: { name: daemonName } },
    { name: 'tls', secret: { secretName: tls.daemonSecret, defaultMode: 0o440 } },
    ...(storage.kind === 'ephemeral' ? [{ name: dataName, emptyDir: { sizeLimit: storage.size.text } }] : []),
  ]
}

export function dataClaims({ daemon }: CiConfig): V1PersistentVolumeClaim[] {
  const { storage } = daemon
  if (storage.kind === 'ephemeral') return []
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: dataName },
      spec: {
        accessModes: ['ReadWriteOnce'],
        volumeMode: isDevice(daemon) ? 'Block' : 'Filesystem',
        ...(storage.storageClass === undefined ? {} : { storageClassName: storage.storageClass }),
        resources: { requests: { storage: storage.size.text } },
      },
    },
  ]
}
