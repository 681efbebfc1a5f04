import { wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { container, named, podOf } from '../support/manifests.js'
import { uniqueRegion } from '../support/region.js'

const pod = podOf({ containers: [container({ command: ['a'] })] })

/** Why wire refuses these flags; undefined if it does not. */
function refusalOf(flags: readonly string[]): string | undefined {
  try {
    const { command } = named(wire(pod, { guard: { flags } }), 'camera')
    expect(command).toEqual(['/shm-liveness/shm-guard', ...flags, '--', 'a'])
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    return (error as Error).message
  }
}

/** Whether the real guard takes these flags: it runs what does nothing, or says what is wrong. */
async function isTaken(flags: readonly string[]): Promise<boolean> {
  const { code } = await guard([...flags, '--', '/bin/true'], { env: { SHM_LIVENESS_REGION: uniqueRegion() } })
  expect([0, 2, 3]).toContain(code)
  return code !== 2
}

describe("the guard's flags", () => {
  it.each([
    ['foo'],
    ['--bogus'],
    ['-v'],
    ['notify'],
    ['--max-age 2s'],
    ['--max-age'],
    ['--max-age='],
    ['--max-age', ''],
    ['--max-age', '--build'],
    ['--max-age=2'],
    ['--max-age=0'],
    ['--interval=99us'],
    ['--build=1'],
    ['--build', 'x'],
    ['--build', '--build'],
    ['--max-age=1s', '--max-age', '2s'],
    ['--expect=.a'],
    ['--expect=,'],
    ['--min=0'],
    ['--min=4097'],
    ['--progress=disk'],
    ['--notify', '--progress=cpu'],
    ['--name=b'],
    ['--notify-socket=/no/such/folder/notify'],
    ['--notify', '--notify-socket=notify'],
    ['--name=a/b', '--notify'],
    ['--owner=root'],
    ['--owner=1:'],
    ['--owner=4294967295'],
  ])('are refused where the guard would exit for ever: %j', async (...flags) => {
    expect([refusalOf(flags), await isTaken(flags)]).toEqual([expect.stringContaining('guard.flags: '), false])
  })

  it.each([
    ['--max-age=1ns', '--build'],
    ['--startup-grace', '0', '--dead-grace', '1m30s', '--cycle-window=8784h'],
    ['--interval=100us'],
    ['--expect', 'a,b-1.c', '--min=4096'],
    ['--notify', '--name', 'a'],
    ['--notify', '--notify-socket', '/no/such/folder/notify'],
    ['--progress=output,cpu', '--name=a'],
    ['--owner=1000'],
    ['--owner=0:4294967294'],
  ])('are passed on where the guard takes them: %j', async (...flags) => {
    expect([refusalOf(flags), await isTaken(flags)]).toEqual([undefined, true])
  })

  it('may have values that only the kubelet knows', () => {
    expect(refusalOf(['--max-age=$(MAX_AGE)'])).toBeUndefined()
  })

  it.each([
    ['--version', 'runs no command'],
    ['--help', 'runs no command'],
    ['--nonce=x', '--steps alone'],
    ['--termination-log', 'terminationMessagePath'],
    ['--termination-log=/tmp/x', 'terminationMessagePath'],
  ])('of which %s is refused with the reason', (flag, reason) => {
    expect(refusalOf([flag])).toContain(reason)
  })
})
