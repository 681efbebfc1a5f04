/**
 * Emulators in a kernel: of nodes by a DaemonSet, of virtual machines by the pod itself (`in-vm.ts`).
 *
 * Since Linux 6.7 the kernel forgets what was registered once the last mount of binfmt_misc is gone, and the installer
 * unmounts at its end. So one container holds a mount as long as the pod lives, and starts before the installer. The
 * installer also exits with 0 when it fails; what was registered is asked of the kernel.
 */
import type { V1Container, V1DaemonSet } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import { binfmtName, labelsOf, metadataOf, selectorOf } from '../names.js'
import { commonPodFields, placementOf, pulled, smallResources } from '../pods.js'

const directory = '/proc/sys/fs/binfmt_misc'
/** Some runtimes have mounted it already, and then a second mount is refused. */
const mounted = `test -e ${directory}/register || mount -t binfmt_misc binfmt_misc ${directory}`
/** PID 1 ignores SIGTERM unless it has a handler, and a daemon's pod has a long grace. */
const hold = "trap 'exit 0' TERM; sleep infinity & wait"

/** QEMU's names of what Go calls otherwise: the installer registers by them (`configs` in tonistiigi/binfmt's `config.go`). */
const qemuNames: Record<string, string> = {
  ...{ arm64: 'aarch64', amd64: 'x86_64', '386': 'i386', mips64le: 'mips64el', loong64: 'loongarch64' },
}

/** QEMU's name of the machine that the script runs on, as the kernel has it or with a version. */
const ownName = 'own=$(uname -m); case $own in armv*) own=arm ;; i?86) own=i386 ;; esac'

/** `shm-liveness lint` warns of probes that read a file, which a program would have to write. */
export const kernelFileAnnotation = {
  'lint.shm-liveness/file-probe': "the file is the kernel's own word: what is registered in binfmt_misc",
} as const

type Binfmt = NonNullable<CiConfig['binfmt']>

/** A container that mounts binfmt_misc for itself and goes on with a command. */
function mountingContainer({ holderImage }: Binfmt, name: string, then: string): V1Container {
  return {
    name,
    image: holderImage,
    ...pulled,
    command: ['/bin/sh', '-ec', `${mounted}; ${then}`],
    resources: smallResources('5m', '16Mi', '16Mi'),
    securityContext: { privileged: true, runAsUser: 0 },
  }
}

export function holderContainer(binfmt: Binfmt): V1Container {
  return {
    ...mountingContainer(binfmt, 'binfmt-hold', hold),
    restartPolicy: 'Always',
    startupProbe: {
      exec: { command: ['test', '-e', `${directory}/register`] },
      ...{ periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 12 },
    },
  }
}

export function installerContainer({ image, architectures }: Binfmt): V1Container {
  return {
    name: 'binfmt-install',
    image,
    ...pulled,
    args: ['--install', architectures.join(',')],
    resources: smallResources('100m', '64Mi'),
    securityContext: { privileged: true, runAsUser: 0 },
  }
}

/** An init container that fails unless the kernel has all emulators. */
export function checkOnceContainer(binfmt: Binfmt): V1Container {
  return mountingContainer(binfmt, 'binfmt-check', registeredScript(binfmt))
}

/**
 * Fails, and says which, unless the kernel has all of them. The installer's image has no emulator of the machine that it
 * runs on (`configure_qemu.sh`), and a cluster may have nodes of several architectures.
 */
function registeredScript({ architectures }: Binfmt): string {
  const names = architectures.map((name) => qemuNames[name] ?? name)
  const file = `${directory}/qemu-$name`
  const check = `test "$name" = "$own" || test -e ${file} || { echo "not registered: ${file}"; exit 1; }`
  return `${ownName}; for name in ${names.join(' ')}; do ${check}; done`
}

/** For nodes: for every container that is not in a virtual machine. */
export function binfmtManifests(config: CiConfig): Manifest[] {
  const { binfmt, namespace } = config
  if (binfmt === undefined) return []
  const set: V1DaemonSet & Manifest = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadataOf({ name: binfmtName, namespace, component: 'emulation' }),
    spec: {
      selector: { matchLabels: selectorOf(binfmtName) },
      template: {
        metadata: { labels: labelsOf(binfmtName, 'emulation'), annotations: { ...kernelFileAnnotation } },
        spec: {
          ...commonPodFields(config),
          ...placementOf(binfmt),
          terminationGracePeriodSeconds: 5,
          initContainers: [holderContainer(binfmt), installerContainer(binfmt)],
          containers: [checkContainer(binfmt)],
        },
      },
    },
  }
  return [set]
}

/** Ready while the emulators are there; its readiness is what `preflight` reads. */
function checkContainer(binfmt: Binfmt): V1Container {
  return {
    ...mountingContainer(binfmt, 'check', hold),
    readinessProbe: {
      exec: { command: ['/bin/sh', '-ec', registeredScript(binfmt)] },
      ...{ periodSeconds: 60, timeoutSeconds: 5, failureThreshold: 2 },
    },
  }
}
