import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { lint, podTemplates, type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'

const golden = join(import.meta.dirname, '../golden')
const manifests = readdirSync(golden).filter((file) => file.endsWith('.yaml') && !file.endsWith('.wired.yaml'))

function documentsOf(text: string): object[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS() as object)
}

/** Errors and warnings, as ids; notes are worth knowing, and no fault. */
function faultsOf(resource: object): string[] {
  const findings = lint(resource, { allProbes: true }).filter(({ severity }) => severity !== 'note')
  return [...new Set(findings.map(({ rule }) => rule))]
}

/** One that nodes can pull. */
const image = 'registry.example/shm-liveness:1'
const ways: [string, WireOptions][] = [
  ['exec', {}],
  ['exec with the guard', { guard: true }],
  ['exec with a guard that restarts', { guard: { restart: 3, grace: '2s' } }],
  ['httpGet', { via: 'httpGet' }],
  ['httpGet at another port and address', { via: 'httpGet', port: 7000, address: '[::]' }],
  ['another directory', { directory: '/opt/ours', name: 'ours' }],
]

describe('what wire() makes', () => {
  it.each(ways)('is without a fault that was not there before: %s', (_way, options) => {
    const wired = manifests.map((file) => {
      const documents = documentsOf(readFileSync(join(golden, file), 'utf8')).map(started)
      const wirable = documents.filter((document) => podTemplates(document).length > 0)
      for (const document of wirable) {
        const made = faultsOf(wire(document, { image, ...options, containers: 'all', replace: true }))
        const before = faultsOf(document)
        expect([file, made.filter((rule) => !before.includes(rule))]).toEqual([file, []])
      }
      return wirable.length
    })
    expect(Math.min(...wired)).toBeGreaterThan(0)
  })
})

/** With a command in each container: the guard must know what to start. */
function started(document: object): object {
  const copy = structuredClone(document)
  for (const { spec } of podTemplates(copy)) for (const container of spec.containers) container.command ??= ['/serve']
  return copy
}

const others: [string, string, string[]][] = [
  [
    'a web server',
    `
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: nginx
        image: nginx:1.29
        ports: [{name: http, containerPort: 80}]
        livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10}
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}`,
    ['termination-grace'],
  ],
  [
    'a database whose probes are scripts',
    `
kind: StatefulSet
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 60
      containers:
      - name: postgres
        image: postgres:18
        env: [{name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: p, key: p}}}]
        livenessProbe:
          exec: {command: [/bin/sh, -c, 'exec pg_isready -U "postgres" -h 127.0.0.1']}
          timeoutSeconds: 5
          failureThreshold: 6
        readinessProbe:
          exec: {command: [/bin/sh, -c, -e, 'pg_isready -U "postgres" || exit 1']}
          timeoutSeconds: 5
        volumeMounts: [{name: dshm, mountPath: /dev/shm}, {name: data, mountPath: /var/lib/postgresql}]
      - name: exporter
        image: exporter:1
        envFrom: [{configMapRef: {name: exporter}}]
      volumes: [{name: dshm, emptyDir: {medium: Memory}}]`,
    [],
  ],
  [
    'an API server of its own, which has /livez and /readyz by HTTPS',
    `
kind: Deployment
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 30
      containers:
      - name: metrics-server
        image: metrics-server:1
        args: [--secure-port=10250]
        ports: [{name: https, containerPort: 10250}]
        livenessProbe: {httpGet: {path: /livez, port: https, scheme: HTTPS}}
        readinessProbe: {httpGet: {path: /readyz, port: https, scheme: HTTPS}}`,
    [],
  ],
  [
    'a daemon on the network of the node, asked by its loopback',
    `
kind: DaemonSet
spec:
  template:
    spec:
      hostNetwork: true
      hostPID: true
      terminationGracePeriodSeconds: 30
      initContainers: [{name: wait, image: busybox, command: [sh, -c, 'until nslookup a; do sleep 1; done']}]
      containers:
      - name: node
        image: node:1
        command: [start.sh]
        livenessProbe:
          exec: {command: [node-ctl, -live]}
          timeoutSeconds: 10
          failureThreshold: 6
        readinessProbe: {httpGet: {host: 127.0.0.1, path: /readiness, port: 9099}}`,
    [],
  ],
  [
    'a job in a virtual machine',
    `
kind: Job
spec:
  template:
    spec:
      runtimeClassName: kata-qemu
      restartPolicy: Never
      containers:
      - name: build
        image: build:1
        command: [bash, -c, make]
        resources: {limits: {cpu: "4", memory: 8Gi, ephemeral-storage: 20Gi}}`,
    [],
  ],
  [
    'a worker whose image has the probe, with a sidecar that answers readiness of it',
    `
kind: Pod
spec:
  initContainers:
  - name: answers
    image: shm-liveness:1
    restartPolicy: Always
    command: [/shm-guard]
    args: [--listen, '0.0.0.0:9808', --region, camera]
    startupProbe: {httpGet: {path: /metrics, port: 9808}}
  containers:
  - name: camera
    image: camera:1
    env: [{name: SHM_LIVENESS_REGION, value: camera}]
    startupProbe: {exec: {command: [shm-probe, --check, startup, --termination-log]}, timeoutSeconds: 3}
    livenessProbe:
      exec: {command: [shm-probe, --termination-log]}
      timeoutSeconds: 3
      terminationGracePeriodSeconds: 5
    readinessProbe: {httpGet: {path: /readyz, port: 9808}}`,
    [],
  ],
]

describe('what others write', () => {
  it.each(others)('has no fault that it has not: %s', (_what, text, faults) => {
    for (const document of documentsOf(text)) expect(faultsOf(document)).toEqual(faults)
  })
})

describe('what nobody should write', () => {
  it('is no reason to fall over', () => {
    // As a parser makes them. Short lists: what a rule compares is in two of them.
    const some = { maxLength: 3 }
    const plain = { noNullPrototype: true }
    const junk = fc.oneof(
      fc.constantFrom<unknown>(null, 0, -1, '', '$(', '/', true, [], {}, [null], [[]], [1], 'shm-probe', 'shm-guard'),
      fc.dictionary(
        fc.constantFrom('name', 'command', 'port', 'path', 'mountPath', 'value', 'valueFrom', 'emptyDir', 'mode'),
        fc.constantFrom<unknown>(null, 7, '', '127.0.0.1', [], {}, ['x', 1], [{}]),
        plain,
      ),
    )
    const programs = fc.constantFrom(['shm-guard', 1, '--listen'], ['shm-guard', '--region', '--'], ['shm-probe', null])
    const probe = fc.dictionary(
      fc.constantFrom('exec', 'httpGet', 'tcpSocket', 'periodSeconds', 'timeoutSeconds'),
      junk,
    )
    const container = fc.record(
      {
        ...{ name: junk, command: fc.oneof(programs, junk), args: fc.oneof(fc.constant([1, '--', null]), junk) },
        ...{
          env: fc.array(junk, some),
          envFrom: fc.oneof(fc.array(junk, some), junk),
          ports: fc.array(junk, some),
          resources: junk,
        },
        ...{ volumeMounts: fc.array(junk, some), terminationMessagePath: junk, restartPolicy: fc.constant('Always') },
        livenessProbe: fc.oneof(fc.record({ exec: fc.record({ command: programs }, plain) }, plain), probe, junk),
        readinessProbe: fc.oneof(probe, junk),
        startupProbe: fc.oneof(
          fc.record({ httpGet: fc.record({ path: fc.constant('/livez'), port: junk }, plain) }, plain),
          junk,
        ),
      },
      { requiredKeys: [], ...plain },
    )
    const spec = fc.record(
      {
        ...{
          containers: fc.array(container, { minLength: 1, ...some }),
          initContainers: fc.oneof(fc.array(container, some), junk),
        },
        ...{
          volumes: fc.oneof(fc.array(junk, some), junk),
          runtimeClassName: fc.constantFrom('kata', 1),
          hostIPC: fc.boolean(),
        },
        ...{ hostNetwork: fc.boolean(), resources: junk },
      },
      { requiredKeys: ['containers'], ...plain },
    )
    fc.assert(
      fc.property(spec, (pod) => {
        lint({ kind: 'Pod', spec: pod }, { suppressed: true, allProbes: true })
      }),
      { numRuns: 500 },
    )
  })
})
