import { describe, expect, it } from 'vitest'
import { boots, ends, pullFails, scheduled, violatesPodSecurity } from '../../fakes/kube-api/index.js'
import { Desk } from './desk.js'

const works = [...boots({ cached: true }), ends({ exitCode: 0 })]

async function desk(kubernetes: string[] = []): Promise<Desk> {
  const open = await Desk.open(kubernetes)
  open.kube.scenario(/^preflight-/, works)
  return open
}

describe('preflight', () => {
  it('finds nothing wrong where nothing is, and leaves nothing', async () => {
    const open = await desk()
    const { code, stdout } = await open.call('preflight')
    expect(
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ')[0]),
    ).toEqual(Array(5).fill('ok'))
    expect(stdout).toContain('works on node node-1 under kata')
    expect(code).toBe(0)
    expect([...open.kube.list('jobs'), ...open.kube.list('pods')]).toEqual([])
  })

  it('names each right that is missing', async () => {
    const open = await desk()
    open.kube.authorization.deny('watch', 'pods')
    open.kube.authorization.deny('get', 'pods/log')
    const { code, stdout } = await open.call('preflight', '--no-self-test')
    expect(code).toBe(3)
    expect(stdout).toContain('watch pods is not granted in namespace builds')
    expect(stdout).toMatch(/get pods\/log is not granted .*\n +apply rbac.yaml/)
  })

  it('says that the RuntimeClass is not there', async () => {
    const open = await Desk.open([], { runtimeClasses: [] })
    const { code, stdout } = await open.call('preflight', '--no-self-test')
    expect(code).toBe(3)
    expect(stdout).toContain('there is no RuntimeClass "kata"')
  })

  it('warns of a RuntimeClass without overhead', async () => {
    const open = await Desk.open([], { runtimeClasses: [] })
    open.kube.add('runtimeclasses', { metadata: { name: 'kata' }, handler: 'kata' })
    const { code, stdout } = await open.call('preflight', '--no-self-test')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^warning .*no overhead.*\n +set overhead/m)
  })

  it('says that the launch image cannot be had', async () => {
    const open = await desk()
    open.kube.scenario(/^preflight-/, [scheduled(), pullFails({ container: 'shm-liveness' })])
    const { code, stdout } = await open.call('preflight')
    expect(code).toBe(3)
    expect(stdout).toMatch(/^error .*self-test: image-name: .*shm-liveness:0.1.0/m)
    expect(open.kube.list('jobs')).toEqual([])
  })

  it("says that the namespace's Pod Security level refuses the pods of builds", async () => {
    const open = await desk(['privileged: true'])
    open.kube.refuse(
      'pods',
      /^preflight-/,
      violatesPodSecurity(
        'restricted:latest',
        'privileged (container "build" must not set securityContext.privileged=true)',
      ),
    )
    const { code, stdout } = await open.call('preflight')
    expect(code).toBe(3)
    expect(stdout).toMatch(/^error .*self-test: admission: .*privileged/m)
  })

  it('says that the API server cannot be reached', async () => {
    const open = await desk()
    open.kube.faults.next('GET', /version/, { drop: true }, 100)
    const { code, stdout } = await open.call('preflight')
    expect(code).toBe(3)
    expect(stdout).toMatch(/^error .*API server: /)
  })
})
