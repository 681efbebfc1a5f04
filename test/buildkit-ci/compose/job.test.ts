import type { V1Container } from '@kubernetes/client-node'
import { lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { jobOf } from '../../../examples/buildkit-ci/compose/kubernetes/job.js'
import { readCompose } from '../../../examples/buildkit-ci/compose/read-compose.js'

const options = {
  ...{ name: 'shop-tests', deadlineSeconds: 600, programsImage: 'registry.example/shm-liveness:1' },
  podSecurity: 'restricted' as const,
}

function jobFrom(services: object, rest: object = {}) {
  return jobOf(readCompose(stringify({ services, ...rest }), 'compose.yaml', 'tests', {}), options)
}

const image = 'registry.example/app:1'
const healthy = { condition: 'service_healthy' }
const shop = {
  db: {
    image: 'mariadb:11',
    entrypoint: ['docker-entrypoint.sh', 'mariadbd'],
    'x-shm-liveness': { ready: 'notify', startWithin: '90s' },
  },
  cache: { image: 'redis:7', healthcheck: { test: 'redis-cli ping', interval: '2s', retries: 5, start_period: '5s' } },
  migrate: { image, command: ['migrate'], depends_on: { db: healthy }, volumes: ['files:/files'] },
  tests: {
    ...{ image, entrypoint: ['npm', 'test'], environment: { COST: '$$(5)' }, tmpfs: '/scratch' },
    depends_on: { migrate: { condition: 'service_completed_successfully' }, cache: healthy },
    'x-shm-liveness': { silenceBudget: '5m' },
  },
}
const files = { volumes: { files: null } }

const named = (containers: V1Container[] | undefined, name: string) => containers?.find((each) => each.name === name)

describe('a compose file as a Job', () => {
  it('has services as native sidecars, what must end first as an init container, and the tests as its container', () => {
    const { initContainers, containers, hostAliases, restartPolicy } = jobFrom(shop, files).spec!.template.spec!
    const own = initContainers!.filter(({ name }) => name in shop)
    expect(own.map((each) => [each.name, each.restartPolicy])).toEqual([
      ...[
        ['db', 'Always'],
        ['migrate', undefined],
        ['cache', 'Always'],
      ],
    ])
    expect(containers.map(({ name }) => name)).toEqual(['tests'])
    expect(hostAliases).toEqual([{ ip: '127.0.0.1', hostnames: ['db', 'migrate', 'cache', 'tests'] }])
    expect(restartPolicy).toBe('Never')
  })

  it('waits for each service as it says that it is ready', () => {
    const { initContainers } = jobFrom(shop, files).spec!.template.spec!
    expect(named(initContainers, 'cache')?.startupProbe).toMatchObject({
      exec: { command: ['/bin/sh', '-c', 'redis-cli ping'] },
      ...{ periodSeconds: 2, timeoutSeconds: 30, failureThreshold: 8 },
    })
    const db = named(initContainers, 'db')
    expect(db?.command).toEqual([
      ...['/shm-liveness/shm-guard', '--notify', '--startup-grace', '90000ms', '--'],
      ...['docker-entrypoint.sh', 'mariadbd'],
    ])
    expect(db?.startupProbe).toMatchObject({
      exec: { command: expect.arrayContaining(['startup']) },
      failureThreshold: 90,
    })
  })

  it('has nothing that lint finds an error in', () => {
    const errors = lint(jobFrom(shop, files)).filter(({ severity }) => severity === 'error')
    expect(errors).toEqual([])
  })

  it('keeps what the kubelet would expand', () => {
    const tests = jobFrom(shop, files).spec!.template.spec!.containers[0]!
    expect(tests.env).toContainEqual({ name: 'COST', value: '$$(5)' })
  })

  it('refuses a folder of this machine', () => {
    expect(() => jobFrom({ tests: { image, volumes: ['./src:/src'] } })).toThrow('mounts ./src of this machine')
  })
})
