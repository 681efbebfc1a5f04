import { detectionBudget, settingsWithin } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

describe('budget', () => {
  it('is a table', async () => {
    const timing = ['--liveness', 'periodSeconds=5,timeoutSeconds=2,failureThreshold=3,terminationGracePeriodSeconds=5']
    const ready = ['--readiness', 'periodSeconds=1,timeoutSeconds=2,failureThreshold=2']
    expect(await shmLiveness(['budget', '--max-age', '250ms', '--restart', ...timing, ...ready])).toEqual({
      code: 0,
      stdout: `after the last beat        by       typical  worst
the program is signalled   guard    0.26 s   0.275 s
it runs again              guard    0.41 s   5.43 s
the program is signalled   kubelet  13.2 s   18.3 s
it runs again              kubelet  19.2 s   26.3 s
the pod is out of service  kubelet  2.2 s    7.25 s
`,
      stderr: '',
    })
  })

  it('rounds no worst case down', async () => {
    const table = async (maxAge: string) => (await shmLiveness(['budget', '--max-age', maxAge])).stdout
    const exact = detectionBudget({ maxAge: '249ms' }).map(({ worstSeconds }) => worstSeconds)
    expect(exact).toEqual([9.249, 17.249, 7.249])
    expect((await table('249ms')).match(/\S+ s$/gm)).toEqual(['9.25 s', '17.3 s', '7.25 s'])
    expect((await shmLiveness(['budget', '--max-age', '249ms', '--within', '14s'])).stdout).toContain(
      'at worst 12.3 s\n',
    )
  })

  it.each([
    ['106.1s', '1 min 54 s'],
    ['112600ms', '2 min'],
    ['113s', '2 min'],
    ['113001ms', '2 min 1 s'],
    ['52949ms', '1 min'],
  ])('has no minute of 60 s, and carries what is rounded: %s', async (maxAge, worst) => {
    const row = (await shmLiveness(['budget', '--max-age', maxAge])).stdout.split('\n').at(-2)
    expect(row).toMatch(new RegExp(`  ${worst}$`))
  })

  it('takes the same options as detectionBudget()', async () => {
    const flags = ['--max-age', '1s', '--confirm', '50ms', '--via', 'exec', '--restarts', '6', '--json']
    const timing = [
      '--liveness',
      'periodSeconds=7',
      '--readiness',
      'failureThreshold=9',
      '--termination-grace-period',
      '9',
    ]
    expect(JSON.parse((await shmLiveness(['budget', ...flags, ...timing, '--grace', '2s'])).stdout)).toEqual(
      detectionBudget({
        ...{ maxAge: '1s', confirm: '50ms', via: 'exec', restarts: 6, terminationGracePeriodSeconds: 9 },
        ...{ liveness: { periodSeconds: 7 }, readiness: { failureThreshold: 9 }, guard: { grace: '2s' } },
      }),
    )
    const repeated = ['budget', '--max-age', '1s', '--restarts', '9']
    expect((await shmLiveness(repeated)).stdout).toMatch(/it runs again +kubelet +10 s +5 min 18 s/)
    expect((await shmLiveness([...repeated, '--ran', '20s'])).stdout).toMatch(/it runs again +kubelet +5 min 11 s/)
  })

  it('gives the settings for a wanted time', async () => {
    expect(await shmLiveness(['budget', '--max-age', '250ms', '--within', '10s'])).toEqual({
      code: 0,
      stdout:
        'livenessProbe:  # at worst 9.25 s\n  periodSeconds: 2\n  timeoutSeconds: 2\n  failureThreshold: 3\n' +
        '  terminationGracePeriodSeconds: 5\n',
      stderr: '',
    })
  })

  it('exits 1 with the word that only the guard can, or nothing', async () => {
    const guard = await shmLiveness(['budget', '--max-age', '250ms', '--within', '1s'])
    expect(guard).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Only the guard answers within 1s \(at worst 0.275 s\): /),
    })
    const nothing = await shmLiveness(['budget', '--max-age', '250ms', '--within', '250ms'])
    expect(nothing).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Nothing answers within 250ms: .*lower max age\.\n$/),
    })
    const json = await shmLiveness(['budget', '--max-age', '1s', '--within', '40s', '--reaction', 'restart', '--json'])
    expect(JSON.parse(json.stdout)).toEqual(settingsWithin({ maxAge: '1s', within: '40s', reaction: 'restart' }))
  })

  it.each(
    ['--liveness=periodSeconds=1', '--readiness=periodSeconds=1', '--guard', '--restart', '--grace=1s'].concat(
      '--termination-grace-period=9',
    ),
  )('refuses %s beside --within, where it would have no effect', async (flag) => {
    const name = flag.split('=')[0] as string
    expect(await shmLiveness(['budget', '--max-age', '1s', flag])).toMatchObject({ code: 0 })
    expect(await shmLiveness(['budget', '--max-age', '1s', '--within', '40s', flag])).toEqual({
      code: 2,
      stdout: '',
      stderr: `shm-liveness: ${name} has no effect beside --within, which finds the settings; leave out one of them\n`,
    })
  })

  it('refuses --reaction without --within', async () => {
    const done = await shmLiveness(['budget', '--max-age', '1s', '--reaction', 'removal'])
    expect(done).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--within') })
  })

  it.each([
    [[]],
    [['--max-age', 'soon']],
    [['--max-age', '0']],
    [['--max-age', '1s', '--reaction', 'panic']],
    [['--max-age', '1s', '--within', '0']],
    [['--max-age', '1s', '--restarts', '-1']],
    [['--max-age', '1s', '--ran', '20']],
  ])('refuses %j', async (flags) => {
    expect(await shmLiveness(['budget', ...flags])).toMatchObject({ code: 2, stdout: '' })
  })
})
