import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { barsOf, lengthOf, quantileNs, sayNs } from '../../lib/cli/report/cycles.js'
import { shmLiveness } from '../support/command.js'
import { hostileText, type ReportedScene, reportedScene } from '../support/reported.js'

let scene: ReportedScene
beforeEach(() => {
  scene = reportedScene(hostileText)
})
afterEach(() => scene.stop())
const folder = mkdtempSync(join(tmpdir(), 'report-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('report', () => {
  it('is one file of all that is known of a region, in which its texts are only text', async () => {
    const file = join(folder, 'report.html')
    expect(await shmLiveness(['report', scene.region, '-o', file])).toEqual({ code: 0, stdout: '', stderr: '' })
    const page = readFileSync(file, 'utf8')
    expect(page).toContain(`Region <bdi>${scene.region}</bdi>`)
    const escaped = '&quot;&gt;&lt;script&gt;pwned=1&lt;/script&gt;'
    // Name, in three places, phase, reason, slow place, frame.
    expect(page.split(escaped).length - 1).toBeGreaterThanOrEqual(7)
    expect(page).not.toMatch(/<script|<img|pwned=1<|\son\w+=/)
    expect(page).toContain('1 longer than 1 ms.')
    expect(page).toContain('<dt>Ended</dt><dd><bdi>stopped</bdi></dd>')
  })

  it('loads nothing, and its policy allows only its own style', async () => {
    const { stdout } = await shmLiveness(['report', scene.region])
    const style = /<style>(.*)<\/style>/s.exec(stdout)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(stdout).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`)
    const links = [...stdout.matchAll(/\s(?:href|src|action|data|poster)="([^"]*)"/g)].map((match) => match[1])
    expect(links.filter((link) => !link?.startsWith('#'))).toEqual(['data:,'])
    expect(style).not.toMatch(/url\(|@import/)
  })

  it('says which named region cannot be read, and exits 3', async () => {
    const { code, stdout } = await shmLiveness(['report', scene.region, 'nobody'])
    expect(code).toBe(3)
    expect(stdout).toMatch(/<h2>Unreadable<\/h2>\s*<ul><li><bdi>nobody<\/bdi>: .*does not exist/)
    expect(stdout).toContain(`Region <bdi>${scene.region}</bdi>`)
  })

  it('is not written if no region can be read', async () => {
    const done = await shmLiveness(['report', 'nobody', '-o', join(folder, 'none.html')])
    expect(done).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('"nobody": does not exist') })
    expect(existsSync(join(folder, 'none.html'))).toBe(false)
  })

  it('exits 3 if it cannot be written', async () => {
    const done = await shmLiveness(['report', scene.region, '-o', join(folder, 'no/report.html')])
    expect(done).toMatchObject({ code: 3, stderr: expect.stringContaining('ENOENT') })
  })
})

describe('a histogram', () => {
  const histogram = Array.from({ length: 64 }, (_, i) => ({ 10: 90, 11: 9, 20: 1 })[i] ?? 0)

  it('has a bar for each length between the shortest and the longest, and tells which are late', () => {
    const bars = barsOf(histogram, 0.003)
    expect(bars).toHaveLength(11)
    expect(bars[0]).toEqual({ fromNs: 1024, toNs: 2048, count: 90, late: 'none' })
    expect(bars[1]).toEqual({ fromNs: 2048, toNs: 4096, count: 9, late: 'some' })
    expect(bars[10]).toEqual({ fromNs: 2 ** 20, toNs: 2 ** 21, count: 1, late: 'all' })
    expect(barsOf([], 1)).toEqual([])
    expect(barsOf([3], null)).toEqual([{ fromNs: 0, toNs: 2, count: 3, late: 'none' }])
  })

  it('has quantiles that are never too short, and never longer than the worst cycle', () => {
    expect(quantileNs(histogram, 0.5, 1_500_000)).toBe(2048)
    expect(quantileNs(histogram, 0.99, 1_500_000)).toBe(4096)
    expect(quantileNs(histogram, 0.999, 1_500_000)).toBe(1_500_000)
    expect(quantileNs([], 0.5, 0)).toBeUndefined()
  })

  it('shows one cycle beside a million', () => {
    expect(lengthOf(0, 1e6)).toBe(0)
    expect(lengthOf(1, 1e6)).toBeGreaterThan(1)
    expect(lengthOf(1e6, 1e6)).toBe(100)
  })

  it.each([
    [1, '1 ns'],
    [1024, '1.02 µs'],
    [2 ** 20, '1.05 ms'],
    [2 ** 33, '8.59 s'],
    [0, '0 ns'],
  ])('says %d ns as %s', (ns, text) => expect(sayNs(ns)).toBe(text))
})
