import { probes } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'

const refused = (text: string) =>
  expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(text) })

describe('probes()', () => {
  it('asks each question by exec, with absolute paths and a constant argv', () => {
    expect(probes()).toEqual({
      startupProbe: {
        exec: { command: ['/shm-liveness/shm-probe', '--check', 'startup', '--termination-log', '--timeout', '2s'] },
        ...{ periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 12, terminationGracePeriodSeconds: 5 },
      },
      livenessProbe: {
        exec: { command: ['/shm-liveness/shm-probe', '--check', 'liveness', '--termination-log', '--timeout', '2s'] },
        ...{ periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3, terminationGracePeriodSeconds: 5 },
      },
      readinessProbe: {
        exec: { command: ['/shm-liveness/shm-probe', '--check', 'readiness', '--timeout', '2s'] },
        ...{ periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2 },
      },
    })
  })

  it('asks the guard by httpGet, and leaves the guard time to act first', () => {
    const { startupProbe, livenessProbe, readinessProbe } = probes({ via: 'httpGet', port: 9810 })
    expect(startupProbe.httpGet).toEqual({ path: '/startupz', port: 9810 })
    expect(livenessProbe).toMatchObject({
      httpGet: { path: '/livez', port: 9810 },
      periodSeconds: 5,
      failureThreshold: 3,
    })
    expect(readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 9810 }, periodSeconds: 1 })
  })

  it('leaves the guard time also where it asks by exec', () => {
    expect(probes({ guard: true }).livenessProbe).toMatchObject({ exec: {}, periodSeconds: 5, failureThreshold: 3 })
    expect(probes({ via: 'httpGet', guard: false }).livenessProbe).toMatchObject({ periodSeconds: 1 })
  })

  it('leaves out what is switched off', () => {
    expect(Object.keys(probes({ startup: false, readiness: false }))).toEqual(['livenessProbe'])
  })

  it('passes the settings of the API through, over its defaults', () => {
    const { startupProbe, livenessProbe, readinessProbe } = probes({
      directory: '/opt/probes',
      startup: { initialDelaySeconds: 0, failureThreshold: 60, periodSeconds: undefined },
      liveness: { successThreshold: 1, terminationGracePeriodSeconds: 1 },
      readiness: { successThreshold: 3, timeoutSeconds: 4 },
    })
    expect(startupProbe).toMatchObject({ initialDelaySeconds: 0, failureThreshold: 60, periodSeconds: 5 })
    expect(livenessProbe).toMatchObject({ successThreshold: 1, terminationGracePeriodSeconds: 1, periodSeconds: 1 })
    expect(readinessProbe).toMatchObject({ successThreshold: 3, timeoutSeconds: 4, failureThreshold: 2 })
    expect(readinessProbe.exec.command[0]).toBe('/opt/probes/shm-probe')
    expect(readinessProbe).not.toHaveProperty('terminationGracePeriodSeconds')
  })

  it('gives objects of its own each time', () => {
    probes().readinessProbe.periodSeconds = 99
    probes().livenessProbe.exec.command.push('--json')
    expect(probes().readinessProbe.periodSeconds).toBe(1)
    expect(probes().livenessProbe.exec.command).not.toContain('--json')
  })

  it.each([
    ['liveness', 'periodSeconds', 0],
    ['liveness', 'periodSeconds', 0.5],
    ['liveness', 'periodSeconds', '1'],
    ['liveness', 'timeoutSeconds', Number.NaN],
    ['startup', 'failureThreshold', 0],
    ['startup', 'failureThreshold', 2 ** 31],
    ['readiness', 'initialDelaySeconds', -1],
    ['readiness', 'successThreshold', 0],
    ['liveness', 'successThreshold', 2],
    ['startup', 'successThreshold', 2],
    ['readiness', 'terminationGracePeriodSeconds', 5],
    ['liveness', 'terminationGracePeriodSeconds', 0],
    ['liveness', 'period', 1],
    ['liveness', 'toString', 1],
  ])('refuses %s.%s = %s, as the API server would', (check, field, value) => {
    expect(() => probes({ [check]: { [field]: value } } as never)).toThrow(refused(field))
  })

  it.each([
    [{ via: 'tcp' }, 'via'],
    [{ directory: 'shm-liveness' }, 'directory'],
    [{ directory: '/' }, 'directory'],
    [{ directory: '/a/' }, 'directory'],
    [{ port: 0 }, 'port'],
    [{ port: 65536 }, 'port'],
    [{ livness: {} }, 'livness'],
    [{ liveness: true }, 'liveness'],
    [{ liveness: null }, 'liveness'],
  ])('refuses %j', (options, what) => {
    expect(() => probes(options as never)).toThrow(refused(what))
  })
})
