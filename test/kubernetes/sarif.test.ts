import { lint, rules, sarif } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { uriOf } from '../../lib/kubernetes/sarif.js'
import { container, podOf } from '../support/manifests.js'

interface Log {
  version: string
  runs: {
    tool: { driver: { name: string; version: string; rules: { id: string; helpUri: string }[] } }
    results: {
      ruleId: string
      level: string
      message: { text: string }
      locations: object[]
      suppressions?: object[]
    }[]
  }[]
}

describe('sarif()', () => {
  const once = { exec: { command: ['a'] }, failureThreshold: 1, timeoutSeconds: 2, terminationGracePeriodSeconds: 5 }
  const pod = podOf({ containers: [container({ livenessProbe: once })] })
  const suppressed = podOf(pod.spec, { 'lint.shm-liveness/failure-threshold': 'we know' })
  const log = (resource: object) =>
    sarif(lint(resource, { suppressed: true, allProbes: true }), () => ({ uri: 'pod.yaml', line: 7 }), '1.2.3') as Log

  it('is of version 2.1.0, and describes each rule once', () => {
    const { version, runs } = log(pod)
    expect(version).toBe('2.1.0')
    expect(runs[0]?.tool.driver).toMatchObject({ name: 'shm-liveness', version: '1.2.3' })
    const ids = runs[0]?.tool.driver.rules.map(({ id }) => id)
    expect(ids).toEqual([...rules.map(({ id }) => id), 'unknown-suppression'])
  })

  it('has an address for each rule, where the documents of that version describe it', () => {
    const described = log(pod).runs[0]?.tool.driver.rules ?? []
    for (const { id, helpUri } of described) {
      expect(new URL(helpUri)).toMatchObject({ protocol: 'https:', hash: `#lint-${id}` })
      expect(helpUri).toContain('shm-liveness@1.2.3/docs/operations.md#')
    }
  })

  it('says of each finding which rule, how bad, what, and where', () => {
    expect(log(pod).runs[0]?.results).toEqual([
      {
        ruleId: 'failure-threshold',
        level: 'warning',
        message: {
          text: 'Pod/camera/camera: one failure of liveness restarts the container. Set failureThreshold to 2 or more.',
        },
        locations: [
          {
            physicalLocation: { artifactLocation: { uri: 'pod.yaml' }, region: { startLine: 7 } },
            logicalLocations: [{ name: 'Pod/camera/camera', fullyQualifiedName: 'spec.containers.0.livenessProbe' }],
          },
        ],
      },
    ])
  })

  it('marks what is suppressed', () => {
    expect(log(suppressed).runs[0]?.results[0]?.suppressions).toEqual([{ kind: 'inSource', justification: 'we know' }])
  })
})

describe('uriOf()', () => {
  it.each([
    ['pods/camera.yaml', 'pods/camera.yaml'],
    ['./../x.yaml', './../x.yaml'],
    ['a b/x#1%.yaml', 'a%20b/x%231%25.yaml'],
    ['C:x?y', 'C%3Ax%3Fy'],
    ['é.yaml', '%C3%A9.yaml'],
    ['/srv/a b.yaml', 'file:///srv/a%20b.yaml'],
  ])('makes of %s a reference that leads back to it', (path, uri) => {
    expect(uriOf(path)).toBe(uri)
    const { pathname, search, hash } = new URL(uri, 'file:///')
    expect(decodeURIComponent(pathname)).toBe(path.replace(/^[./]*/, '/'))
    expect([search, hash]).toEqual(['', ''])
  })
})
