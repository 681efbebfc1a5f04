import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { whyNoContainers } from '../support/container.js'
import { only } from '../support/held.js'
import { answers, never, refusals, service } from '../support/notified.js'

/** The only child of a process: the guard, where the process is `unshare --fork`. */
const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])

describe.concurrent('a sender', () => {
  it('that is a grandchild of the guard is heard', async () => {
    const { region, say } = await service(never, [], ['sh', '-c', '"$@"; exit $?', 'sh'])
    await say('READY=1')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('that is no descendant of the guard is refused, and its barrier answered all the same', async () => {
    const notified = await service()
    const stranger = await notified.stranger()
    expect(await stranger.say('READY=1')).toEqual({ heard: true })
    expect((await refusals(notified))[0]).toBe(
      `shm-guard: notification of pid ${stranger.program.pid} refused: its sender is no descendant of the guard, or had gone before anybody could tell`,
    )
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
  })

  it('that is no descendant cannot trigger the watchdog', async () => {
    const notified = await service()
    await notified.say('READY=1')
    const stranger = await notified.stranger()
    await stranger.say('WATCHDOG=trigger')
    await stranger.say('WATCHDOG_USEC=1')
    expect(await answers(notified.region)).toBe('pass pass pass')
  })

  it('of the guard’s that has gone before the guard looked is refused', async () => {
    const notified = await service()
    process.kill(notified.program.pid, 'SIGSTOP')
    await notified.ask({ child: Buffer.from('READY=1').toString('base64') })
    process.kill(notified.program.pid, 'SIGCONT')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false })
    expect(await refusals(notified)).toEqual([expect.stringContaining('had gone before anybody could tell')])
  })
})

describe.concurrent('across PID namespaces', () => {
  const unshared = ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc']
  beforeAll(() => {
    const why = whyNoContainers()
    if (why !== undefined) throw new Error(why)
  })

  it('a descendant of the guard in a namespace of its own is heard', async () => {
    const { region, say } = await service(never, [], ['unshare', '--pid', '--fork', '--kill-child'])
    await say('READY=1')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('a sender that the guard’s namespace does not show is refused', async () => {
    const notified = await service(never, unshared)
    const stranger = await notified.stranger()
    expect(await stranger.say('READY=1')).toMatchObject({ heard: true })
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
    expect((await refusals(notified))[0]).toMatch(/notification of pid 0 refused: /)
  })

  it('a guard that is PID 1 hears a sender of its namespace that has gone', async () => {
    const notified = await service(never, unshared)
    const pid = childOf(notified.program.pid)
    process.kill(pid, 'SIGSTOP')
    await notified.ask({ child: Buffer.from('READY=1').toString('base64') })
    process.kill(pid, 'SIGCONT')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: true })
    expect(notified.program.stderr).toBe('')
  })

  it('a process that was exec’d into the container of such a guard is refused', async () => {
    const notified = await service(never, unshared)
    const target = String(childOf(notified.program.pid))
    const stranger = await notified.stranger(['nsenter', '--target', target, '--pid', '--mount', '--'])
    await stranger.say('READY=1')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
    expect((await refusals(notified))[0]).toMatch(/notification of pid [1-9]\d* refused: /)
  })
})
