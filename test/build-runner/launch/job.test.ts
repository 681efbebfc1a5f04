import { join } from 'node:path'
import { lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { durationMs } from '../../../examples/kata-build-runner/config/durations.js'
import { jobManifest } from '../../../examples/kata-build-runner/launch/job.js'
import { secretManifest } from '../../../examples/kata-build-runner/launch/secret.js'
import { route } from '../../../examples/kata-build-runner/routing/route.js'
import { validate } from '../../support/schema.js'
import { build, config, kubernetes, refusal, sampleOf } from '../config/samples.js'
import { containerOf, inputOf, jobOf, podOf, validateSecret, withDocker } from './inputs.js'

const golden = join(import.meta.dirname, '../golden/build-job.yaml')

/** Every kind of Job that is made, by its name. */
const jobs: [string, string, string | undefined][] = [
  ['the least', '', undefined],
  ['the sample config', '', sampleOf('executor.yaml')],
  ['root', 'user: 0', kubernetes('allowRoot: true', 'runtimeClass: kata')],
  ['privileged', '', kubernetes('privileged: true', 'runtimeClass: kata')],
  ['docker', withDocker, kubernetes('dockerFeatureEnabled: true', 'runtimeClass: kata')],
  ['a queue and pull secrets', 'queue: q', kubernetes('imagePullSecrets: [a, b]', 'preferredNodeSelectors: {a: b}')],
  ['the shortest grace', '', kubernetes('terminationGracePeriod: 10s', 'runtimeClass: kata-qemu')],
  ['the longest grace', '', kubernetes('terminationGracePeriod: 10m', 'runtimeClass: kata-qemu')],
]

describe.each(jobs)('the Job of %s', (_, more, text) => {
  it("is valid by the API's schema", () => validate(jobOf(more, text)))

  it('has no finding of lint', () => {
    expect(lint(jobOf(more, text)).map(({ rule, message }) => `${rule}: ${message}`)).toEqual([])
  })
})

describe('a Job', () => {
  it("is that of the golden file, for the article's config and the sample build", async () => {
    const file = build('', sampleOf('build.yaml'))
    const input = { build: file, route: route(file, config(sampleOf('executor.yaml'))), attempt: 1 }
    const more = { namespace: 'builds', nonce: '5577006791947779410', secretValues: {} }
    const job = jobManifest({ ...input, ...more })
    const plain = JSON.parse(JSON.stringify(job))
    await expect(stringify(plain, { aliasDuplicateObjects: false })).toMatchFileSnapshot(golden)
  })

  it('is suspended, and never made again by the cluster', () => {
    expect(jobOf().spec).toMatchObject({ suspend: true, backoffLimit: 0, completions: 1, parallelism: 1 })
    expect(podOf(jobOf()).restartPolicy).toBe('Never')
    expect(jobOf().spec).not.toHaveProperty('podFailurePolicy')
  })

  it('has a name and labels of its build, attempt and executor, and so has its pod', () => {
    const job = jobManifest({ ...inputOf(), attempt: 12 })
    const labels = {
      ...{ app: 'screwdriver', tier: 'builds', sdbuild: 'b1' },
      ...{ 'shm-liveness/executor': 'k8s', 'shm-liveness/attempt': '12' },
    }
    expect(job.metadata).toMatchObject({ name: 'b1-12', namespace: 'builds', labels })
    expect(job.spec?.template.metadata?.labels).toEqual(labels)
  })

  it('has a name that a Job may have, of the longest id and many attempts', () => {
    const job = jobManifest({
      ...inputOf(),
      build: build('', `id: ${'a'.repeat(50)}\nimage: a\nsteps: [{name: a, argv: [a]}]`),
      attempt: 9999,
    })
    expect(job.metadata?.name?.length).toBeLessThanOrEqual(63)
  })

  it('says of which build it was made, by a hash that no order of keys changes', () => {
    const hash = (text: string) => jobOf(text).metadata?.annotations?.['shm-liveness/build-hash']
    expect(hash('timeout: 5\nuser: 7')).toBe(hash('user: 7\ntimeout: 5'))
    expect(hash('timeout: 5')).not.toBe(hash('timeout: 6'))
    expect(hash('environment: {A: x}')).not.toBe(hash('environment: {A: y}'))
  })

  it('goes to the queue of the build, else of the executor, else to none', () => {
    const queueOf = (more: string, text?: string) => jobOf(more, text).metadata?.labels?.['kueue.x-k8s.io/queue-name']
    expect(queueOf('queue: mine', kubernetes('queue: theirs'))).toBe('mine')
    expect(queueOf('', kubernetes('queue: theirs'))).toBe('theirs')
    expect(queueOf('')).toBeUndefined()
    expect(jobOf('queue: mine').spec?.suspend).toBe(true)
  })
})

describe('deadlines', () => {
  const deadline = (more: string, text?: string) => podOf(jobOf(more, text)).activeDeadlineSeconds

  it("is the pod's: the build's timeout, else the executor's", () => {
    expect(deadline('timeout: 7')).toBe(420)
    expect(deadline('')).toBe(5400)
    expect(deadline('', kubernetes('buildTimeout: 3'))).toBe(180)
    expect(deadline('timeout: 120')).toBe(7200)
  })

  it('is refused beyond maxBuildTimeout; the original cut it short without a word', () => {
    const error = refusal(() => jobOf('timeout: 121'))
    expect(error.code).toBe('BUILD_INVALID')
    expect(error.message).toContain('its timeout is 121 minutes, and executor k8s allows 120')
  })

  it("of the Job is longer than all that may come before it, so that the pod's comes first", () => {
    const text = kubernetes(
      'stageTimeouts: {created: 1s, queued: 2s, pulling: 3s, init: 4s, starting: 5s}',
      'terminationGracePeriod: 20s',
    )
    expect(jobOf('timeout: 1', text).spec?.activeDeadlineSeconds).toBe(1 + 2 + 3 * 3 + 2 * 4 + 2 * 5 + 20 + 60 + 600)
    expect(jobOf().spec?.ttlSecondsAfterFinished).toBe(3600)
  })
})

describe('the build container', () => {
  it('runs the guard over the steps of the Secret, with the nonce', () => {
    expect(containerOf(jobOf()).command).toEqual([
      ...['/shm-liveness/shm-guard', '--steps', '/shm-liveness-build/steps.json', '--nonce', 'nonce-1'],
    ])
    expect(containerOf(jobOf()).env).toContainEqual({ name: 'SHM_LIVENESS_REGION', value: 'build' })
  })

  it('has the executables of launchImage and launchVersion, which nothing else runs before', () => {
    const job = jobOf('', 'executor: {k8s: {options: {launchImage: example.com/shm, launchVersion: "7"}}}')
    expect(podOf(job).initContainers?.map(({ image }) => image)).toEqual(['example.com/shm:7'])
  })

  it('works and lives in a workspace as large as the disk tier', () => {
    const job = jobOf('tier: {disk: high}')
    expect(containerOf(job)).toMatchObject({ workingDir: '/workspace' })
    expect(containerOf(job).env).toContainEqual({ name: 'HOME', value: '/workspace' })
    expect(podOf(job).volumes).toContainEqual({ name: 'workspace', emptyDir: { sizeLimit: '20Gi' } })
  })

  it('has requests and limits alike, by tier', () => {
    const amounts = { cpu: '500m', memory: '12Gi', 'ephemeral-storage': '50Gi' }
    const { resources } = containerOf(jobOf('tier: {cpu: micro, memory: high, disk: turbo}'))
    expect(resources).toEqual({ requests: amounts, limits: amounts })
  })

  it("has the executor's figures, halves and text included", () => {
    const text = kubernetes('resources: {cpu: {low: "1.25"}, memory: {low: 0.5}, disk: {low: 1.5}}')
    const { resources } = containerOf(jobOf('', text))
    expect(resources?.limits).toEqual({ cpu: '1250m', memory: '512Mi', 'ephemeral-storage': '1536Mi' })
  })

  it('pulls no image that is there, and nor does any other', () => {
    const job = jobOf(withDocker, kubernetes('dockerFeatureEnabled: true'))
    const all = [...(podOf(job).initContainers ?? []), ...podOf(job).containers]
    expect(all.map(({ imagePullPolicy }) => imagePullPolicy)).toEqual(Array(3).fill('IfNotPresent'))
  })
})

describe('probes', () => {
  const seconds = (value: string | undefined): number => (durationMs(value ?? '') ?? Number.NaN) / 1000

  it('are three, by exec, readiness included', () => {
    const { startupProbe, livenessProbe, readinessProbe } = containerOf(jobOf())
    for (const [check, probe] of Object.entries({
      startup: startupProbe,
      liveness: livenessProbe,
      readiness: readinessProbe,
    })) {
      expect(probe?.exec?.command?.slice(0, 3)).toEqual(['/shm-liveness/shm-probe', '--check', check])
    }
  })

  it.each(['10s', '15s', '25s', '30s', '35s', '1m', '90s', '10m'])(
    'leave the guard all of its grace, and the guard leaves the record some of the pod’s %s',
    (period) => {
      const job = jobOf('', kubernetes(`terminationGracePeriod: ${period}`))
      const { env, livenessProbe } = containerOf(job)
      const graceSeconds = seconds(env?.find(({ name }) => name === 'SHM_LIVENESS_GRACE')?.value)
      const { periodSeconds = 0, failureThreshold = 0 } = livenessProbe ?? {}
      expect(periodSeconds * (failureThreshold - 1)).toBeGreaterThan(graceSeconds)
      expect(failureThreshold).toBeGreaterThanOrEqual(3)
      expect(podOf(job).terminationGracePeriodSeconds).toBeGreaterThan(graceSeconds)
    },
  )
})

describe('annotations', () => {
  const annotationsOf = (more: string, text?: string) => jobOf(more, text).spec?.template.metadata?.annotations

  it("are the executor's, the build's and the runner's", () => {
    const executor = kubernetes('annotations: {example.com/a: x}', 'allowedAnnotations: [example.com/*]')
    expect(annotationsOf('annotations: {example.com/b: y}', executor)).toEqual({
      'example.com/a': 'x',
      'example.com/b': 'y',
      'shm-liveness/nonce': 'nonce-1',
    })
  })

  it("of the build do not replace the executor's", () => {
    const executor = kubernetes('annotations: {example.com/a: x}', 'allowedAnnotations: [example.com/a]')
    const error = refusal(() => jobOf('annotations: {example.com/a: y}', executor))
    expect(error.message).toContain('its annotation example.com/a is set by executor k8s')
  })

  it('hold the kernel parameters of the image', () => {
    const rule = 'kernelParameters: [{images: [node], parameters: [vsyscall=emulate, init=/usr/bin/kata-agent]}]'
    expect(annotationsOf('', kubernetes(rule))).toMatchObject({
      'io.katacontainers.config.hypervisor.kernel_params': 'vsyscall=emulate init=/usr/bin/kata-agent',
    })
  })
})

describe('scheduling', () => {
  it('has the node selectors as a required label and a tolerated taint, as executor-k8s', () => {
    const { affinity, tolerations } = podOf(jobOf('', kubernetes('nodeSelectors: {dedicated: kata, zone: ""}')))
    expect(affinity).toEqual({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'dedicated', operator: 'In', values: ['kata'] },
                { key: 'zone', operator: 'In', values: [''] },
              ],
            },
          ],
        },
      },
    })
    expect(tolerations).toEqual([
      { key: 'dedicated', operator: 'Equal', value: 'kata', effect: 'NoSchedule' },
      { key: 'zone', operator: 'Equal', value: '', effect: 'NoSchedule' },
    ])
  })

  it('prefers without tolerating', () => {
    const spec = podOf(jobOf('', kubernetes('preferredNodeSelectors: {disk: ssd}')))
    expect(spec.affinity).toEqual({
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
        ],
      },
    })
    expect(spec).not.toHaveProperty('tolerations')
  })

  it('says nothing where nothing is asked', () => {
    expect(podOf(jobOf())).not.toHaveProperty('affinity')
    expect(podOf(jobOf())).not.toHaveProperty('runtimeClassName')
  })
})

describe('the Secret', () => {
  it('is valid, holds the steps and the values, and can no longer be changed', () => {
    const input = { ...inputOf('secretEnvironment: [TOKEN]'), secretValues: { TOKEN: 'a$$b\nä', OTHER: 'x' } }
    const secret = secretManifest(input, { name: 'b1-1', uid: 'u' })
    validateSecret(secret)
    expect(Object.keys(secret.data ?? {})).toEqual(['steps.json', 'TOKEN'])
    expect(Buffer.from(secret.data?.['TOKEN'] ?? '', 'base64').toString()).toBe('a$$b\nä')
    expect(secret).toMatchObject({ immutable: true, type: 'Opaque' })
    expect(secret.metadata).toMatchObject({
      name: 'b1-1',
      namespace: 'builds',
      labels: jobOf().metadata?.labels,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'b1-1', uid: 'u' }],
    })
  })

  it('has no owner before there is one', () => {
    expect(secretManifest(inputOf()).metadata).not.toHaveProperty('ownerReferences')
  })

  it('is mounted read-only, for the group of the build, with the steps alone as a file', () => {
    const job = jobOf('secretEnvironment: [TOKEN]\nuser: 77')
    expect(containerOf(job).volumeMounts).toContainEqual({
      name: 'steps',
      mountPath: '/shm-liveness-build',
      readOnly: true,
    })
    expect(podOf(job).volumes?.find(({ name }) => name === 'steps')?.secret).toEqual({
      secretName: 'b1-1',
      defaultMode: 0o440,
      items: [{ key: 'steps.json', path: 'steps.json' }],
    })
    expect(podOf(job).securityContext?.fsGroup).toBe(77)
  })

  it('is refused without a value, and says whose environment it is that lacks it', () => {
    const error = refusal(() =>
      secretManifest({ ...inputOf('secretEnvironment: [TOKEN, KEY]'), secretValues: { KEY: '' } }),
    )
    expect(error.code).toBe('BUILD_INVALID')
    expect(error.message).toContain("names TOKEN, which the runner's environment has not")
  })

  it('is refused beyond what the API server takes', () => {
    const input = { ...inputOf('secretEnvironment: [A]'), secretValues: { A: 'x'.repeat(1024 * 1024) } }
    expect(refusal(() => secretManifest(input)).message).toMatch(/have \d+ bytes, more than a Secret's 1048576/)
  })
})
