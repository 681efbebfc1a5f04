import { describe, expect, it } from 'vitest'
import { isTransient } from '../../../examples/kata-build-runner/api/api-error.js'
import { eventOf } from '../../../examples/kata-build-runner/api/objects.js'
import { pageOf } from '../../../examples/kata-build-runner/api/pages.js'
import { jobOf, podOf, seenEventOf } from '../../../examples/kata-build-runner/api/projection.js'

const pod = { metadata: { name: 'a', uid: '1', resourceVersion: '7' } }

describe('an answer of the wrong form', () => {
  it.each([
    ['nothing', null],
    ['text', 'ADDED'],
    ['a list', []],
    ['an object without a type', {}],
    ['an unknown type', { type: 'RENAMED', object: pod }],
    ['no object', { type: 'ADDED' }],
    ['null for an object', { type: 'MODIFIED', object: null }],
    ['an object without metadata', { type: 'DELETED', object: { spec: {} } }],
    ['a name that is a number', { type: 'ADDED', object: { metadata: { name: 7, uid: '1' } } }],
    ['a bookmark without a version', { type: 'BOOKMARK', object: { metadata: {} } }],
  ])('in a watch is a failure of the server, after which it is asked again: %s', (_, value) => {
    let error: unknown
    try {
      eventOf('pods', value)
    } catch (thrown) {
      error = thrown
    }
    expect(isTransient(error)).toBe(true)
  })

  it('says that it is an error, whatever its object is', () => {
    expect(eventOf('pods', { type: 'ERROR', object: null })).toMatchObject({ type: 'ERROR', code: 500 })
    expect(eventOf('pods', { type: 'ERROR', object: { code: 410, message: 'old' } })).toMatchObject({ code: 410 })
  })

  it('of a list is one, too', () => {
    expect(() => pageOf({ items: undefined as never }, podOf)).toThrow()
    expect(() => pageOf({ items: [null] }, jobOf)).toThrow()
  })

  it('within an object is a field that is missing', () => {
    const odd = {
      ...pod,
      spec: 7,
      status: { phase: 3, conditions: 'x', containerStatuses: [null, { name: 'build', state: 'up' }] },
    }
    expect(podOf(odd)).toMatchObject({ spec: { containers: [] }, status: { containerStatuses: [{ name: 'build' }] } })
    expect(jobOf({ ...pod, status: null, spec: { suspend: 'yes' } }).spec?.suspend).toBeUndefined()
    expect(seenEventOf(null)).toMatchObject({ involvedObject: {} })
  })
})

describe('what is kept of a pod', () => {
  it('is what builds are judged by, and nothing of what fills it', () => {
    const full = {
      ...pod,
      metadata: {
        ...pod.metadata,
        managedFields: [{ manager: 'x' }],
        annotations: { a: 'b' },
        creationTimestamp: '2026-11-24T10:00:00Z',
      },
      spec: {
        nodeName: 'n',
        volumes: [{}],
        containers: [{ name: 'build', image: 'i', env: [{ name: 'A' }], command: ['x'] }],
      },
      status: {
        phase: 'Running',
        podIP: '10.0.0.1',
        containerStatuses: [
          { name: 'build', restartCount: 0, state: { running: { startedAt: '2026-11-24T10:00:01Z' } } },
        ],
      },
    }
    expect(podOf(full)).toEqual({
      metadata: { name: 'a', uid: '1', resourceVersion: '7', creationTimestamp: new Date('2026-11-24T10:00:00Z') },
      spec: { nodeName: 'n', initContainers: [], containers: [{ name: 'build', image: 'i' }] },
      status: {
        phase: 'Running',
        containerStatuses: [
          {
            name: 'build',
            image: '',
            restartCount: 0,
            state: { running: { startedAt: new Date('2026-11-24T10:00:01Z') } },
            lastState: {},
          },
        ],
      },
    })
  })
})
