import { describe, expect, it } from 'vitest'
import { environmentOf } from '../../../examples/kata-build-runner/launch/environment.js'
import { build, kubernetes, refusal } from '../config/samples.js'
import { containerOf, jobOf, podOf, withDocker } from './inputs.js'

describe('security', () => {
  it('is the restricted Pod Security level, for every container', () => {
    const job = jobOf('user: 1234')
    expect(podOf(job).securityContext).toEqual({
      ...{ runAsNonRoot: true, runAsUser: 1234, runAsGroup: 1234, fsGroup: 1234 },
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const name of ['build', 'shm-liveness']) {
      const { securityContext } = containerOf(job, name)
      expect(securityContext?.allowPrivilegeEscalation).toBe(false)
      expect(securityContext?.capabilities).toEqual({ drop: ['ALL'] })
      expect(securityContext?.privileged ?? false).toBe(false)
    }
  })

  it("gives no token of the cluster's, nor the addresses of its services", () => {
    expect(podOf(jobOf())).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false })
    const mounted = podOf(jobOf('', kubernetes('automountServiceAccountToken: true')))
    expect(mounted.automountServiceAccountToken).toBe(true)
  })

  it('has no root, unless the executor allows it', () => {
    const error = refusal(() => jobOf('user: 0'))
    expect([error.code, error.exitCode]).toEqual(['BUILD_INVALID', 2])
    expect(error.remedy).toContain('kubernetes.allowRoot: true')
  })

  it('leaves a root that is allowed its default capabilities, and the seccomp profile', () => {
    const job = jobOf('user: 0', kubernetes('allowRoot: true'))
    expect(podOf(job).securityContext).toMatchObject({
      runAsNonRoot: false,
      runAsUser: 0,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(containerOf(job).securityContext).toEqual({ privileged: false })
    expect(containerOf(job, 'shm-liveness').securityContext).toMatchObject({ runAsUser: 65532, runAsNonRoot: true })
  })

  it('is privileged where the executor says so; the API server takes no "false" of escalation beside it', () => {
    expect(containerOf(jobOf('', kubernetes('privileged: true'))).securityContext).toEqual({ privileged: true })
    expect(refusal(() => jobOf('user: 0', kubernetes('privileged: true'))).message).toContain('allows no root')
  })
})

describe('docker', () => {
  const enabled = kubernetes('dockerFeatureEnabled: true', 'dockerImage: docker:1-dind')

  it('is a privileged native sidecar with a startup probe and limits, behind the installer', () => {
    const job = jobOf(withDocker, enabled)
    expect(podOf(job).initContainers?.map(({ name }) => name)).toEqual(['shm-liveness', 'docker'])
    const sidecar = containerOf(job, 'docker')
    expect(sidecar).toMatchObject({
      image: 'docker:1-dind',
      restartPolicy: 'Always',
      securityContext: { privileged: true, runAsUser: 0, runAsNonRoot: false },
      resources: { limits: { cpu: '2', memory: '2Gi', 'ephemeral-storage': '10Gi' } },
    })
    expect(sidecar.startupProbe?.exec?.command?.[0]).toBe('docker')
    expect(containerOf(job).securityContext?.privileged).toBe(false)
  })

  it("is reached by a socket in a volume that both have, of the build's group, and by no port", () => {
    const job = jobOf(withDocker, enabled)
    const host = containerOf(job).env?.find(({ name }) => name === 'DOCKER_HOST')?.value
    const folder = host?.replace('unix://', '').replace(/\/[^/]+$/, '')
    for (const name of ['build', 'docker']) {
      expect(containerOf(job, name).volumeMounts).toContainEqual({ name: 'docker-socket', mountPath: folder })
    }
    expect(containerOf(job, 'docker').args).toEqual(['dockerd', `--host=${host}`, '--group=1000'])
  })

  it('is not there unless the build asks', () => {
    for (const more of ['', 'annotations: {screwdriver.cd/dockerEnabled: "false"}']) {
      expect(podOf(jobOf(more, enabled)).initContainers?.map(({ name }) => name)).toEqual(['shm-liveness'])
    }
  })

  it('is refused where the executor does not permit it', () => {
    expect(refusal(() => jobOf(withDocker)).remedy).toContain('dockerFeatureEnabled: true')
  })

  it('has its address from nobody else', () => {
    const more = `${withDocker}\nenvironment: {DOCKER_HOST: "tcp://x"}`
    expect(refusal(() => jobOf(more, enabled)).message).toContain('it sets DOCKER_HOST, which the runner sets')
    expect(containerOf(jobOf('environment: {DOCKER_HOST: "tcp://x"}', enabled)).env).toContainEqual({
      ...{ name: 'DOCKER_HOST', value: 'tcp://x' },
    })
  })
})

describe('variables', () => {
  const variables = (more: string) => environmentOf(build(more), 3, [])

  it('come from the file, from Secrets, and from the Secret of the attempt', () => {
    expect(variables('environment: {A: x, B: {secret: s, key: k}}\nsecretEnvironment: [C]')).toEqual([
      { name: 'HOME', value: '/workspace' },
      { name: 'A', value: 'x' },
      { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: 'b1-3', key: 'C' } } },
    ])
  })

  it('may have another HOME, once', () => {
    expect(variables('environment: {HOME: /root}')).toEqual([{ name: 'HOME', value: '/root' }])
    expect(variables('secretEnvironment: [HOME]').filter(({ name }) => name === 'HOME')).toHaveLength(1)
  })

  it.each(['$(HOME)', '$$(HOME)', 'a$', '$', '$$', '$HOME $5', '$(', 'a$$$b'])('arrive as written: %s', (value) => {
    const [, variable] = variables(`environment: {A: '${value}'}`)
    expect(asTheKubeletReads(variable?.value ?? '')).toBe(value)
  })
})

/** `expansion.Expand` of the kubelet, with every variable set. */
function asTheKubeletReads(text: string): string {
  return text.replace(/\$(\$|\(([^)]*)\)|\(|.|$)/gs, (whole, next: string, name?: string) => {
    if (next === '$') return '$'
    return name === undefined ? whole : `<${name}>`
  })
}
