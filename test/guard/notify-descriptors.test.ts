import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { only } from '../support/held.js'
import { countOpen, never, type Sender, type Service, service } from '../support/notified.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { untilHolds } from '../support/until.js'

const base64 = (text: string) => Buffer.from(text).toString('base64')
/** Sends descriptors of sockets whose close waits ten minutes, far longer than a test. */
const linger = (sender: Sender, text: string, times: number) => sender.ask({ linger: base64(text), times })

const senders: [who: string, of: (notified: Service) => Promise<Sender>][] = [
  ['a stranger', (notified) => notified.stranger()],
  ['the command', async (notified) => notified],
]
const quick = ['--interval', '5ms', '--grace', '1s']

/** The children of the guard: the command, and for a moment those that take its datagrams. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)

describe.concurrent.each(senders)('descriptors of sockets that linger, sent by %s,', (_, senderOf) => {
  it('do not hide a stall', async () => {
    const notified = await service(['--max-age', '500ms', ...quick])
    const sender = await senderOf(notified)
    await notified.say('READY=1\nWATCHDOG_USEC=3600000000')
    await linger(sender, 'BARRIER=1', 5)
    await notified.say('WATCHDOG_USEC=300000', { barrier: false })
    expect(await notified.program.ended).toMatchObject({ code: 120 })
    expect(notified.program.stderr).toContain('stalled: main last beat')
  })

  it('do not keep SIGTERM from the command', async () => {
    const notified = await service()
    await linger(await senderOf(notified), 'X=1', 5)
    process.kill(notified.program.pid, 'SIGTERM')
    expect(await notified.program.ended).toEqual({ code: 143, signal: null })
  })

  it('do not keep others waiting, and none is left open', async () => {
    const notified = await service()
    const { program, region, say } = notified
    const sender = await senderOf(notified)
    await say('READY=1')
    const open = () => countOpen(program.pid)
    const before = open()
    // More than there are processes that may wait for a close at a time.
    for (let round = 1; round <= 3; round++) {
      await linger(sender, 'BARRIER=1', 10)
      expect(await say('WATCHDOG=1')).toEqual({ heard: true })
    }
    expect(only(region)).toMatchObject({ ready: true, beats: 4 })
    expect(open()).toBe(before)
    await untilHolds(
      'only the command is left',
      () => childrenOf(program.pid),
      (children) => children.length === 1,
    )
  })
})

describe.concurrent('a descriptor of a file system that does not answer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'notify-fuse-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const why = process.getuid?.() !== 0 ? 'root' : existsSync('/dev/fuse') ? undefined : '/dev/fuse'

  it.skipIf(why !== undefined)('hides no stall, and nobody waits for it', async () => {
    const notified = await service([...never, ...quick])
    const fixture = join(import.meta.dirname, '../fixtures/guard_fuse.py')
    const guardPid = String(notified.program.pid)
    const served = Program.run('unshare', ['--mount', ...python, fixture, folder, guardPid])
    await served.said('up')
    const stranger = await notified.stranger(['nsenter', '--target', String(served.pid), '--mount', '--'])
    await notified.say('READY=1')
    await stranger.ask({ hold: join(folder, 'file'), with: base64('BARRIER=1') })
    expect(await notified.say('WATCHDOG=1')).toEqual({ heard: true })
    await notified.say('WATCHDOG=trigger', { barrier: false })
    expect(await notified.program.ended).toMatchObject({ code: 120 })
  })
})

describe.concurrent('a process that takes datagrams', () => {
  it('is not left behind by the command, as its log has it', async () => {
    const notified = await service()
    await linger(notified, 'X=1', 3)
    await notified.ask({ exit: 0 }).catch(() => {})
    expect(await notified.program.ended).toEqual({ code: 0, signal: null })
    expect(notified.program.stderr).not.toContain('behind')
  })

  it('that is killed is followed by another, and nothing is heard twice', async () => {
    const notified = await service(never)
    const { program, region, say } = notified
    await say('READY=1')
    const beats = 200
    let killed = 0
    let done = false
    const killing = (async () => {
      while (!done) {
        for (const pid of childrenOf(program.pid).slice(1)) {
          try {
            process.kill(Number(pid), 'SIGKILL')
            killed++
          } catch {} // it has done its work
        }
        await new Promise(setImmediate)
      }
    })()
    await say('WATCHDOG=1', { fds: 1, times: beats })
    done = true
    await killing
    expect(only(region)).toMatchObject({ beats: beats + 1 })
    expect(killed).toBeGreaterThan(0)
  })
})
