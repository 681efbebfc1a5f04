import type { V1Job } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { refusedByRestricted } from '../../support/pod-security.js'
import { call, file } from '../cli/call.js'

const image = 'registry.example/app:1'
const services = {
  db: {
    ...{ image: 'mariadb:11', entrypoint: ['mariadbd'], user: '999:999', volumes: ['data:/var/lib/mysql'] },
    'x-shm-liveness': { ready: 'notify' },
  },
  migrate: { image, user: '1000', depends_on: { db: { condition: 'service_healthy' } } },
  tests: {
    ...{ image, user: '1000:0', tmpfs: '/scratch' },
    depends_on: { migrate: { condition: 'service_completed_successfully' } },
  },
}

async function job(changed: Record<string, object> = {}, ...flags: string[]) {
  const project = { services: { ...services, ...changed }, volumes: { data: null } }
  const called = await call(['compose', 'job', file('compose.yaml', stringify(project)), '--tests', 'tests', ...flags])
  const manifest = called.stdout === '' ? undefined : (parse(called.stdout) as V1Job)
  return { ...called, pod: manifest?.spec?.template.spec }
}

describe('the pod of a compose file', () => {
  it('is admitted by the Pod Security level restricted, with every service and what wire adds', async () => {
    const { pod, stderr } = await job()
    expect(pod?.initContainers).toHaveLength(3)
    expect(refusedByRestricted(pod!)).toEqual([])
    expect(pod?.containers[0]?.securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 0 })
    expect(stderr).toBe('')
  })

  it('is admitted without users, too, and it is said when the kubelet does not start it', async () => {
    const { pod, stderr, code } = await job({ migrate: { ...services.migrate, user: undefined } })
    expect(code).toBe(0)
    expect(refusedByRestricted(pod!)).toEqual([])
    expect(stderr).toBe(
      "buildkit-ci: service migrate sets no user: its container does not start if the image's USER is root or a name; set user to a number above 0\n",
    )
  })

  it.each(['0', '0:1000', '00'])(
    'is not written for a service with user %s, and it is said what to do',
    async (user) => {
      const { code, stdout, stderr } = await job({
        db: { ...services.db, user },
        migrate: { ...services.migrate, user },
      })
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('db and migrate run as root, which the Pod Security level restricted refuses')
      expect(stderr).toContain('set user to a number above 0, or give --pod-security baseline')
    },
  )

  it('has only the users of the compose file with --pod-security baseline', async () => {
    const changed = { db: { ...services.db, user: '0' }, migrate: { ...services.migrate, user: undefined } }
    const { pod, stderr, code } = await job(changed, '--pod-security', 'baseline')
    const own = pod?.initContainers?.filter(({ name }) => name in services)
    expect(own?.map(({ securityContext }) => securityContext)).toEqual([{ runAsUser: 0 }, undefined])
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  })

  it('is not written for a level that does not exist', async () => {
    const { code, stderr } = await job({}, '--pod-security', 'privileged')
    expect(code).toBe(2)
    expect(stderr).toContain('Allowed choices are restricted, baseline.')
  })
})
