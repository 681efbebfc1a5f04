/** The report in a real browser. */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser, chromium } from '../support/browser.js'
import { shmLiveness } from '../support/command.js'
import { hostileText, reportedScene } from '../support/reported.js'

if (chromium === undefined) console.error('\nSKIPPED the tests of the report in a browser: apt-get install chromium\n')

/** An auditor of accessibility, which runs within the page. */
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const audit = `${axe}; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })
  .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | ')))`

describe.skipIf(chromium === undefined)('the report in chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'report-'))
  const file = join(folder, 'report.html')
  let browser: Browser
  beforeAll(async () => {
    const scenes = [reportedScene(hostileText), reportedScene('x'.repeat(63))]
    const { code } = await shmLiveness(['report', ...scenes.map(({ region }) => region), 'nobody', '-o', file])
    for (const scene of scenes) scene.stop()
    expect(code).toBe(3) // nobody
    browser = new Browser()
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each([
    { scheme: 'light', widthPx: 1000 },
    { scheme: 'dark', widthPx: 360 },
  ] as const)(
    'is $scheme at $widthPx px: nothing is asked for, nothing complains, all can read it',
    async (settings) => {
      const page = await browser.open(`file://${file}`, settings)
      expect(await page.evaluate('document.querySelectorAll("table.cycles tbody tr").length')).toBeGreaterThan(2)
      expect(page.requests).toEqual([`file://${file}`])
      expect(page.complaints).toEqual([])
      expect(await page.evaluate('typeof pwned')).toBe('undefined')
      const light = await page.evaluate('getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"')
      expect(light).toBe(settings.scheme === 'light')
      // Nothing is wider than the screen; the table of all workers scrolls by itself.
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(settings.widthPx)
      expect(await page.evaluate(audit)).toEqual([])
    },
  )

  it('hears of a page that does ask for something, and one that breaks its policy', async () => {
    const page = await browser.open(
      `data:text/html,<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><style>a{}</style>` +
        `<img src="http://127.0.0.1:9/x">`,
      { scheme: 'light', widthPx: 1000 },
    )
    expect(page.complaints.join()).toContain('Content Security Policy')
    expect(page.requests).toHaveLength(2)
  })
})
