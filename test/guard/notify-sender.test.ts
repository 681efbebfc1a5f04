import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { beforeAll, describe, expect, it } from 'vitest'
import { whyNoContainers } from '../support/container.js'
import { only } from '../support/held.js'
import { answers, never, refusals, service } from '../support/notified.js'

/** The only child of a process: the guard, where the process is `unshare --fork`. */
const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])

const base64 = (text: string) => Buffer.from(text).toString('base64')
const gone = 'its sender has gone, and nothing shows whose it was'

/** Linux 6.17 and later says of a process that has been reaped in which cgroup it was. */
const [major = 0, minor = 0] = release().split('.').map(Number)
const tellsOfReaped = major > 6 || (major === 6 && minor >= 17)

/** Whatever is sent meanwhile has gone before the guard looks. */
async function whileStopped(pid: number, act: () => Promise<unknown>): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await act()
  process.kill(pid, 'SIGCONT')
}

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
      `shm-guard: notification of pid ${stranger.program.pid} refused: its sender is not a descendant of the guard`,
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

  it.skipIf(!tellsOfReaped)('of the guard’s that its parent has reaped before the guard looked is heard', async () => {
    const notified = await service()
    await whileStopped(notified.program.pid, () => notified.ask({ child: base64('READY=1'), times: 3 }))
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: true, beats: 4 })
    expect(notified.program.stderr).toBe('')
  })

  it.skipIf(!tellsOfReaped)('that has gone is heard behind one that has not', async () => {
    const notified = await service()
    await whileStopped(notified.program.pid, async () => {
      await notified.say('READY=1', { barrier: false })
      await notified.ask({ child: base64('WATCHDOG=1'), times: 3 })
    })
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ beats: 5 })
    expect(notified.program.stderr).toBe('')
  })

  it.skipIf(!tellsOfReaped)('that sends and exits loses none of its beats', async () => {
    const notified = await service()
    const { region, say } = notified
    await say('READY=1')
    await notified.ask({ child: base64('WATCHDOG=1'), times: 200 })
    await say('WATCHDOG=1')
    expect(only(region)).toMatchObject({ beats: 202 })
  })

  it('that the guard itself has reaped is heard', async () => {
    const notified = await service()
    await whileStopped(notified.program.pid, () => notified.ask({ orphan: base64('READY=1') }))
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: true, beats: 2 })
    expect(notified.program.stderr).toBe('')
  })

  it('that is no descendant and has gone is refused', async () => {
    const notified = await service()
    await notified.say('STATUS=here')
    const stranger = await notified.stranger()
    await whileStopped(notified.program.pid, () => stranger.ask({ child: base64('READY=1') }))
    await notified.say('STATUS=still here')
    expect(only(notified.region)).toMatchObject({ ready: false })
    expect(await refusals(notified)).toEqual([expect.stringContaining(gone)])
  })

  it('that is no descendant and has gone is refused after READY=1, too', async () => {
    const notified = await service()
    await notified.ask({ child: base64('STATUS=loads') })
    await notified.say('READY=1')
    const stranger = await notified.stranger()
    await whileStopped(notified.program.pid, () => stranger.ask({ child: base64('STOPPING=1') }))
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: true, phase: null })
    expect(await refusals(notified)).toEqual([expect.stringContaining(gone)])
  })

  it.skipIf(!tellsOfReaped)('that has gone cannot end the command', async () => {
    const notified = await service()
    await notified.say('READY=1')
    await whileStopped(notified.program.pid, () =>
      notified.ask({ child: base64('WATCHDOG=trigger\nX_SHM_LIVENESS_READY=0') }),
    )
    await notified.say('WATCHDOG=1')
    expect(await answers(notified.region)).toBe('pass pass not-ready')
    await notified.program.complained('WATCHDOG=trigger and WATCHDOG_USEC need a sender that is still there')
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
    await whileStopped(childOf(notified.program.pid), () => notified.ask({ child: base64('READY=1') }))
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

  it('a process that was exec’d into it and has gone is refused', async () => {
    const notified = await service(never, unshared)
    const guard = childOf(notified.program.pid)
    const stranger = await notified.stranger(['nsenter', '--target', String(guard), '--pid', '--mount', '--'])
    await whileStopped(guard, () => stranger.ask({ child: base64('READY=1') }))
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
    expect((await refusals(notified))[0]).toContain(gone)
  })
})
