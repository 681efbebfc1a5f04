import { describe, expect, it } from 'vitest'
import { Progress } from '../../../examples/kata-build-runner/report/progress.js'

const eraseLine = '\r\u001b[2K'
const at = (seconds: number) => seconds * 1000

function display(
  options: { isTTY?: boolean; columns?: number; show?: 'auto' | 'always' | 'never'; build?: string } = {},
) {
  const written: string[] = []
  const { isTTY = true, columns = 60, show = 'auto', build = 'web' } = options
  const progress = new Progress({ isTTY, columns, write: (text) => written.push(text) }, { build, show })
  return { progress, written, all: () => written.join(''), shown: () => screen(written.join('')) }
}

/** What a terminal shows: it knows only what the display needs. */
function screen(text: string): string[] {
  return text.split('\n').map((line) => line.slice(line.lastIndexOf(eraseLine) + 1).replace('\u001b[2K', ''))
}

describe('progress on a terminal', () => {
  it('is a line that stays for each stage and step, and one that lives', () => {
    const { progress, shown } = display()
    progress.stage({ stage: 'queued', detail: 'waits for the scheduler' }, at(0))
    progress.tick(at(9))
    expect(shown()).toEqual(['web: queued: waits for the scheduler', 'web 9s queued: waits for the scheduler'])
    progress.stage({ stage: 'pulling', detail: 'node:12' }, at(10))
    progress.step({ number: 2, of: 3, name: 'test' }, at(75))
    progress.tick(at(140))
    expect(shown()).toEqual([
      'web: queued: waits for the scheduler',
      'web: pulling: node:12',
      'web: step 2 of 3: test',
      'web 1m05s step 2 of 3: test',
    ])
  })

  it('changes the living line only, if no more than the detail changes', () => {
    const { progress, shown } = display()
    progress.stage({ stage: 'pulling', detail: 'a' }, at(0))
    progress.stage({ stage: 'pulling', detail: 'b' }, at(5))
    expect(shown()).toEqual(['web: pulling: a', 'web 5s pulling: b'])
  })

  it('leaves nothing of the living line behind', () => {
    const { progress, shown } = display()
    progress.stage({ stage: 'running' }, at(0))
    progress.end()
    progress.tick(at(1))
    expect(shown()).toEqual(['web: running', ''])
  })

  it('gives way to output, and never erases a part of it', () => {
    const { progress, written, shown } = display()
    progress.stage({ stage: 'running' }, at(0))
    progress.clear()
    written.push('compiling')
    progress.resume(false)
    progress.tick(at(1))
    expect(shown()).toEqual(['web: running', 'compiling'])
    progress.step({ number: 1, of: 2, name: 'make' }, at(2))
    expect(shown()).toEqual(['web: running', 'compiling', 'web: step 1 of 2: make', 'web 0s step 1 of 2: make'])
    progress.tick(at(3))
    expect(shown().at(-1)).toBe('web 1s step 1 of 2: make')
  })

  it('is never as wide as the terminal, also not with wide characters', () => {
    const { progress, shown } = display({ columns: 20 })
    progress.stage({ stage: 'pulling', detail: 'x'.repeat(100) }, at(0))
    expect(shown().at(-1)).toHaveLength(19)
    progress.stage({ stage: 'pulling', detail: '图'.repeat(100) }, at(0))
    // web, 0s and pulling: take 16 of 19 columns, and each of these two.
    expect(shown().at(-1)).toBe('web 0s pulling: 图')
  })

  it('takes no control character from a name', () => {
    const { progress, all } = display({ build: 'w\u001b[1meb' })
    progress.stage({ stage: 'pulling', detail: 'a\u001b]0;x\u0007' }, at(0))
    progress.step({ number: 1, of: 1, name: '\u001b[2Jtest\n\n' }, at(1))
    expect(all().replaceAll(eraseLine, '').replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it('is not there, if it is not wanted', () => {
    const { progress, all } = display({ show: 'never' })
    progress.stage({ stage: 'queued' }, at(0))
    expect(all()).toBe('')
  })
})

describe('progress in a pipe', () => {
  const drive = (show: 'auto' | 'always') => {
    const { progress, all } = display({ isTTY: false, show })
    progress.stage({ stage: 'queued' }, at(0))
    progress.tick(at(1))
    progress.clear()
    progress.resume(false)
    progress.step({ number: 1, of: 2, name: 'make' }, at(2))
    progress.end()
    return all()
  }

  it('is quiet', () => {
    expect(drive('auto')).toBe('')
  })

  it('is the lines that stay, if it is asked for', () => {
    expect(drive('always')).toBe('web: queued\nweb: step 1 of 2: make\n')
  })
})
