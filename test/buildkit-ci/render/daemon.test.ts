import type { V1Container, V1StatefulSet } from '@kubernetes/client-node'
import { parse } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { buildkitdToml } from '../../../examples/buildkit-ci/render/daemon/buildkitd-toml.js'
import { daemonStatefulSet } from '../../../examples/buildkit-ci/render/daemon/stateful-set.js'
import { configOf } from '../config/samples.js'

const gi = 2 ** 30
const specOf = (daemon: object, more: object = {}) => {
  const set: V1StatefulSet = daemonStatefulSet(configOf({ daemon, ...more }))
  return { set, pod: set.spec!.template.spec! }
}
const containerOf = (daemon: object, name = 'buildkitd', more: object = {}): V1Container => {
  const { pod } = specOf(daemon, more)
  return [...pod.initContainers!, ...pod.containers].find((container) => container.name === name)!
}

interface Toml {
  grpc: { address: string[]; tls: object }
  worker: { oci: { noProcessSandbox?: boolean; gcpolicy: Record<string, unknown>[] } }
  registry: Record<string, { mirrors?: string[]; http?: boolean }>
}
const tomlOf = (daemon: object, more: object = {}): Toml =>
  parse(buildkitdToml(configOf({ namespace: 'ci', daemon, ...more }))) as unknown as Toml

describe('the daemon', () => {
  it.each([
    ['rootless', ['rootlesskit', 'buildkitd'], { runAsUser: 1000, seccompProfile: { type: 'Unconfined' } }],
    ['privileged', ['/usr/bin/buildkitd-entrypoint'], { privileged: true }],
    ['kata', ['/bin/sh', '-ec'], { privileged: true }],
  ])('%s runs under the guard, which ends it by the word of the watcher', (isolation, command, security) => {
    const { command: whole, livenessProbe, securityContext, lifecycle } = containerOf({ isolation })
    expect(whole?.slice(0, 9 + command.length)).toEqual([
      '/shm-liveness/shm-guard',
      ...['--notify', '--notify-socket', '/run/buildkit/notify.sock'],
      ...['--startup-grace', '5m', '--watcher', 'builds', '--'],
      ...command,
    ])
    expect(livenessProbe?.httpGet).toEqual({ path: '/livez', port: 9808 })
    expect(securityContext).toMatchObject(security)
    expect(lifecycle?.preStop?.httpGet).toEqual({ path: '/drain', port: 9809 })
  })

  it.each(['privileged', 'kata'])('%s begins as its image does, in a cgroup namespace of its own', (isolation) => {
    expect(containerOf({ isolation }).command?.join(' ')).toContain(
      '/usr/bin/buildkitd-entrypoint --config /etc/buildkit/buildkitd.toml',
    )
  })

  it('has the socket of its guard in a volume: the steps of builds share its network, and have other mounts', () => {
    const { command, volumeMounts } = containerOf({})
    const socket = command?.[command.indexOf('--notify-socket') + 1]
    expect(volumeMounts!.map(({ mountPath }) => mountPath)).toContain(socket?.replace(/\/[^/]+$/, ''))
  })

  it('has a watcher with a region and probes of its own, which starts before it', () => {
    const watch = containerOf(
      { budgets: { toldAfter: '2m', steps: [{ step: 'RUN soak*', toldAfter: '1h', endedAfter: 'never' }] } },
      'watch',
    )
    expect(watch.restartPolicy).toBe('Always')
    expect(watch.env).toContainEqual({ name: 'SHM_LIVENESS_REGION', value: 'watch' })
    expect(watch.command?.join(' ')).toContain(
      '--told-after 2m --ended-after 30m --api-answer 60s --step-budget RUN soak*=1h,never',
    )
    expect(watch.livenessProbe?.exec?.command).toContain('/shm-liveness/shm-probe')
    const { pod } = specOf({})
    const mounts = (name: string) => containerOf({}, name).volumeMounts!.map(({ mountPath }) => mountPath)
    expect(pod.volumes).toContainEqual({ name: 'shared-memory', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } })
    for (const path of ['/dev/shm', '/run/buildkit']) {
      expect(mounts('watch')).toContain(path)
      expect(mounts('buildkitd')).toContain(path)
    }
  })

  it.each([
    ['rootless', 1000],
    ['privileged', 0],
    ['kata', 0],
  ])('%s has a watcher of its own user, and without any other right', (isolation, user) => {
    const { securityContext } = containerOf({ isolation }, 'watch')
    expect(securityContext).toMatchObject({
      runAsUser: user,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
    expect(securityContext?.privileged).toBeUndefined()
    expect(specOf({ isolation }).pod.securityContext?.fsGroup).toBe(user === 0 ? undefined : user)
  })

  it('gets the time of its drain before SIGKILL, and 100 s to end in', () => {
    expect(specOf({ drainTimeout: '10m' }).pod.terminationGracePeriodSeconds).toBe(700)
  })

  it('has a device in a virtual machine, that is formatted only if it is empty', () => {
    const { pod, set } = specOf({ isolation: 'kata', runtimeClass: 'kata-clh' })
    expect(pod.runtimeClassName).toBe('kata-clh')
    expect(set.spec?.volumeClaimTemplates?.[0]?.spec?.volumeMode).toBe('Block')
    expect(containerOf({ isolation: 'kata' }).volumeDevices).toEqual([
      { name: 'data', devicePath: '/dev/buildkit-data' },
    ])
    expect(containerOf({ isolation: 'kata' }).resources?.limits).toMatchObject({ cpu: '4', memory: '8Gi' })
    expect(containerOf({ isolation: 'kata' }, 'format').volumeDevices).toEqual([
      { name: 'data', devicePath: '/dev/buildkit-data' },
    ])
  })

  it('has the emulators in its virtual machine: held, installed, checked, in that order', () => {
    const names = (daemon: object) =>
      specOf(daemon, { binfmt: { architectures: ['arm64'] } }).pod.initContainers!.map(({ name }) => name)
    expect(names({ isolation: 'kata' })).toEqual([
      'shm-liveness',
      'format',
      'binfmt-hold',
      'binfmt-install',
      'binfmt-check',
      'watch',
    ])
    expect(names({ isolation: 'privileged' })).toEqual(['shm-liveness', 'watch'])
  })

  it('is replaced when its file changes, since it reads it once', () => {
    const digest = (daemon: object) => specOf(daemon).set.spec?.template.metadata?.annotations?.['buildkit-ci/config']
    expect(digest({ maxParallelism: 3 })).not.toBe(digest({ maxParallelism: 4 }))
  })
})

describe('the disk of the daemon', () => {
  it('on a volume is collected by shares of the volume, in bytes', () => {
    const { gcpolicy } = tomlOf({ storage: { size: '200Gi' } }).worker.oci
    const bounds = { reservedSpace: 40 * gi, maxUsedSpace: 140 * gi, minFreeSpace: 30 * gi }
    expect(gcpolicy).toEqual([
      {
        filters: ['type==source.local', 'type==exec.cachemount', 'type==source.git.checkout'],
        ...{ keepDuration: '72h', maxUsedSpace: 50 * gi },
      },
      { keepDuration: '336h', ...bounds },
      bounds,
      { all: true, ...bounds },
    ])
    expect(containerOf({}).resources?.requests).toMatchObject({ 'ephemeral-storage': '1Gi' })
  })

  it('has its unused cache mounts collected once the whole cache is beyond a share', () => {
    const gc = { cacheMounts: { beyond: 10, unusedFor: '1h' } }
    const [first] = tomlOf({ storage: { size: '200Gi' }, gc }).worker.oci.gcpolicy
    expect(first).toMatchObject({ maxUsedSpace: 20 * gi, keepDuration: '1h' })
  })

  it('on the node is asked for in full, so that the kubelet does not evict it first, and leaves the node its share', () => {
    const daemon = { storage: { kind: 'ephemeral', size: '50Gi' } }
    const { requests, limits } = containerOf(daemon).resources!
    expect([requests?.['ephemeral-storage'], limits?.['ephemeral-storage']]).toEqual(['52Gi', '52Gi'])
    const { pod, set } = specOf(daemon)
    expect(pod.volumes).toContainEqual({ name: 'data', emptyDir: { sizeLimit: '50Gi' } })
    expect(set.spec?.volumeClaimTemplates).toBeUndefined()
    expect(tomlOf(daemon).worker.oci.gcpolicy[2]).toMatchObject({ maxUsedSpace: 35 * gi, minFreeSpace: '20%' })
  })
})

describe('buildkitd.toml', () => {
  it('listens for agents with TLS, and for the watcher at a socket', () => {
    const { grpc } = tomlOf({ isolation: 'privileged' })
    expect(grpc.address).toEqual(['unix:///run/buildkit/buildkitd.sock', 'tcp://0.0.0.0:1234'])
    expect(grpc.tls).toEqual({
      cert: '/etc/buildkit-tls/cert.pem',
      key: '/etc/buildkit-tls/key.pem',
      ca: '/etc/buildkit-tls/ca.pem',
    })
  })

  it('makes no PID namespace for a step where the kubelet masks /proc', () => {
    expect(tomlOf({ isolation: 'rootless' }).worker.oci.noProcessSandbox).toBe(true)
    expect(tomlOf({ isolation: 'privileged' }).worker.oci.noProcessSandbox).toBeUndefined()
  })

  it('pulls by the proxies, and speaks HTTP to them and to the local registry alone', () => {
    const { registry } = tomlOf({}, { proxies: { upstreams: { 'docker.io': {}, 'gcr.io': {} } }, localRegistry: {} })
    expect(registry).toEqual({
      'docker.io': { mirrors: ['proxy-docker-io.ci.svc:5000'] },
      'gcr.io': { mirrors: ['proxy-gcr-io.ci.svc:5000'] },
      'proxy-docker-io.ci.svc:5000': { http: true },
      'proxy-gcr-io.ci.svc:5000': { http: true },
      'registry.ci.svc:5000': { http: true },
    })
  })
})
