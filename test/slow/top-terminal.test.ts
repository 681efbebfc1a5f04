/** `top` in a real terminal. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Heartbeat } from 'shm-liveness'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../support/command.js'
import { hasTmux, Terminal } from '../support/tmux.js'
import { until, untilHolds } from '../support/until.js'

if (!hasTmux) console.error('\nSKIPPED the tests of top in a terminal: apt-get install tmux\n')

const dir = mkdtempSync('/dev/shm/test-top-')
const names = Array.from({ length: 40 }, (_, i) => `worker-${String(i).padStart(2, '0')}`)
const heartbeats = names.map((name) =>
  Heartbeat.claim({ region: 'many', name, maxAge: '90s', dir, capacity: 64, stacks: false }),
)
afterAll(() => {
  for (const heartbeat of heartbeats) heartbeat.stop()
  rmSync(dir, { recursive: true, force: true })
})

const size = { columns: 100, rows: 15 }
const command = (...args: string[]) => [process.execPath, main, 'top', '--dir', dir, '--interval', '100ms', ...args]
const shows = (terminal: Terminal, text: string | RegExp) =>
  untilHolds(
    `the screen shows ${text}`,
    () => terminal.screen(),
    (screen) => (typeof text === 'string' ? screen.includes(text) : text.test(screen)),
  )

describe.skipIf(!hasTmux)('top in a terminal', () => {
  let terminal: Terminal
  let settings: string

  /** Starts top in a shell, and keeps how the shell's terminal was set. */
  async function start(env: Record<string, string> = {}, ...args: string[]): Promise<void> {
    terminal = new Terminal(size, env)
    await shows(terminal, '$')
    terminal.type('stty -g')
    settings = (/^[0-9a-f:\n]{50,}/m.exec(await shows(terminal, /^[0-9a-f:\n]{50,}\$/m)) as RegExpExecArray)[0].trim()
    terminal.type(command(...args).join(' '))
    await shows(terminal, 'q quit')
  }

  /** The shell has the terminal again, and it is as it was. */
  async function expectGivenBack(status: number): Promise<void> {
    await until('the screen is given back', () => !terminal.isOtherScreen)
    terminal.type('echo status=$?')
    await shows(terminal, `status=${status}`)
    terminal.type('clear; stty -g')
    expect(await shows(terminal, /^[0-9a-f:\n]{50,}\$/m)).toContain(settings)
    expect([terminal.isCursorShown, terminal.wraps]).toEqual([true, true])
  }

  describe('as it is', () => {
    beforeEach(() => start())

    it('shows a page, scrolls, and sorts', async () => {
      const screen = await shows(terminal, 'rows 1-10 of 40')
      expect(screen).toContain('1 region, 40 workers: 40 starting')
      expect(screen.match(/worker-\d\d/g)).toEqual(names.slice(0, 10))
      expect([terminal.isOtherScreen, terminal.isCursorShown, terminal.wraps]).toEqual([true, false, false])
      terminal.press('PageDown', 'Down')
      expect((await shows(terminal, 'rows 12-21 of 40')).match(/worker-\d\d/g)).toEqual(names.slice(11, 21))
      terminal.press('End')
      await shows(terminal, 'rows 31-40 of 40')
      terminal.press('s')
      await shows(terminal, /sorted by used {3}rows 1-10 of 40/)
    })

    it('fits itself to a new size, without a line too many', async () => {
      terminal.resize({ columns: 60, rows: 12 })
      const lines = (await shows(terminal, 'worker-06')).split('\n')
      await untilHolds(
        'the screen is the smaller one',
        () => terminal.screen(),
        (text) => !text.includes('worker-07'),
      )
      expect(lines[0]).toMatch(/^shm-liveness top/)
      terminal.resize({ columns: 160, rows: 50 })
      await shows(terminal, names.at(-1) as string)
    })

    it('sees workers that come and go', async () => {
      const come = Heartbeat.claim({ region: 'new', name: 'newcomer', maxAge: '90s', dir, capacity: 1, stacks: false })
      await shows(terminal, '2 regions, 41 workers')
      come.stop()
      await shows(terminal, /41 workers: 40 starting, 1 stopped/)
      rmSync(`${dir}/new`)
      await shows(terminal, '1 region, 40 workers')
    })

    it.each([
      ['q', 0],
      ['C-c', 0],
    ])('gives the terminal back after %s', async (key, status) => {
      terminal.press(key)
      await expectGivenBack(status)
    })

    it('gives the terminal back when it is stopped, and takes it again', async () => {
      terminal.press('C-z')
      await until('the shell is back', () => !terminal.isOtherScreen && terminal.isCursorShown)
      terminal.type('fg')
      await until('it is on again', () => terminal.isOtherScreen && terminal.screen().includes('q quit'))
      terminal.press('q')
      await expectGivenBack(0)
    })

    it('gives the terminal back when it is terminated', async () => {
      process.kill(terminal.foregroundPid, 'SIGTERM')
      await expectGivenBack(143)
    })
  })

  it.each([
    ['with colours, by what the terminal says', {}, true],
    ['without, by NO_COLOR', { NO_COLOR: '1' }, false],
  ])('is %s', async (_what, env, hasColour) => {
    await start(env)
    await shows(terminal, 'worker-00')
    const codes = terminal.screen({ codes: true }).split('\u001b[')
    expect(codes.some((code) => /^[\d;]*36m/.test(code))).toBe(hasColour)
    terminal.press('q')
    await expectGivenBack(0)
  })
})

describe('top into a pipe', () => {
  it('prints one table and ends; --json goes on until nobody reads', async () => {
    const [node = '', ...args] = command('many')
    const table = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [code] = await once(table, 'exit')
    expect(code).toBe(0)
    const json = spawn(node, [...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = ''
    json.stdout.setEncoding('utf8').on('data', (text: string) => (lines += text))
    await until('three looks', () => lines.split('\n').length > 3)
    expect(JSON.parse(lines.split('\n')[1] as string).workers).toHaveLength(40)
    json.stdout.destroy()
    expect((await once(json, 'exit'))[0]).toBe(0)
  })
})
