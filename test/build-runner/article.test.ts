import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const folder = join(import.meta.dirname, '../../examples/kata-build-runner')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const table = read('README.md').split('\n## The article\n')[1] ?? ''
const rows = [...table.matchAll(/^\| (.*) \| (.*) \| (.*) \|$/gm)]
  .slice(1)
  .map(([, what = '', there = '', here = '']) => ({ what, there, here }))

/** What the article has: a key, a number or a problem, and what it says of it. Read line by line. */
const article: [what: string, ...values: string[]][] = [
  // Its `executor:` block.
  ['executor.plugin', 'k8s'],
  ['exclusion', 'rhel6'],
  ['weightage', '0'],
  ['host', 'kubernetes.default'],
  ['privileged', 'false', 'trusted container runtime use-case'],
  ['automountServiceAccountToken', 'false'],
  ['dockerFeatureEnabled', 'false'],
  ['resources.cpu', 'micro "0.5"', 'low 2', 'high 6', 'turbo 12', 'cores'],
  ['resources.memory', 'micro 1', 'low 2', 'high 12', 'turbo 16', 'GB'],
  ['buildTimeout', '90'],
  ['maxBuildTimeout', '120'],
  ['nodeSelectors', 'dedicated', 'screwdriver-kata'],
  ['preferredNodeSelectors', '{}'],
  ['annotations', '{}'],
  ['runtimeClass', 'kata'],
  ['launchImage', 'screwdrivercd/launcher'],
  ['launchVersion', 'stable'],
  ['fusebox.breaker.timeout', '10000', 'milliseconds'],
  ['requestretry.retryDelay', '3000', 'milliseconds'],
  ['requestretry.maxAttempts', '5'],
  // Its pod.
  ['kind', 'v1', 'Pod', 'kata-pod'],
  ['namespace', 'sd-build-namespace'],
  ['sdbuild', 'sd-kata-build'],
  ['`app`', 'screwdriver'],
  ['`tier`', 'builds'],
  ['runtimeClassName', 'kata'],
  ['container', 'sd-build-container'],
  ['imagePullPolicy', 'IfNotPresent'],
  // Its way there, and its set-up.
  ['executor-k8s-vm'],
  ['hyperd'],
  ['privileged mode', 'containerd/cri#1225'],
  ['disk performance', 'screwdriver#818', 'overlayfs', 'devicemapper'],
  ['set-up scripts', 'removed'],
  ['minimum version', '1.14+'],
  ['CRI plugin', 'cri-containerd 1.3.3', 'linux-amd64'],
  ['crictl'],
  ['Kata, installation', 'Developer Guide', 'containerd-kata.md', 'how-to-use-k8s-with-cri-containerd-and-kata.md'],
  ['Runtime Class', '#kubernetes-runtimeclass'],
  // Its roll-out and its figures.
  ['pilot users'],
  ['percentage', 'weightage'],
  ['exclude', 'IA32'],
  ['node12 cached', '28', '50 secs', '1 min 32', '1 min 56 secs'],
  ['node12 not cached', '51 secs', '1 min 32 secs', '1 min 55', '2 min 40 secs'],
  // Its known problems.
  ['RHEL 6', 'vsyscall=emulate', 'pre-2.15 glibc', 'runtime#1916'],
  ['yum install hangs', 'init=/usr/bin/kata-agent', 'runtime#1916', 'better boot time', 'small footprint'],
  ['yum remove', '6m22.190s', '2m38.387s', '3m38.619s', '0m4.774s', '0m0.783s', '0m0.123s'],
  ['yum install wget', '6m23.407s', '2m39.387s', '3m42.606s', '0m2.169s', '0m1.760s', '0m0.298s'],
  ['32-bit', 'runtime#886', 'hyperd', 'Q4'],
  ['overlayfs', '1024000000 bytes', '976.6MB', '19.325605 seconds', '50.5MB/s'],
  ['devicemapper', '5.860671 seconds', '166.6MB/s'],
  ['stored twice', 'sys-root', 'devicemapper volume'],
  // Its compatibility list.
  ['API', 'v0.5.902'],
  ['UI', 'v1.0.515'],
  ['Queue Worker', 'v1.18.0'],
  ['Launcher', 'v6.0.71'],
]

describe("the article's table", () => {
  it.each(article)('has %s', (what, ...values) => {
    const found = rows.filter((row) => row.what.includes(what) && values.every((value) => row.there.includes(value)))
    expect(found, [what, ...values].join(', ')).not.toEqual([])
  })

  it('has nothing that the article has not', () => {
    const known = (row: string): boolean => article.some(([what]) => row.includes(what))
    expect(rows.map(({ what }) => what).filter((what) => !known(what))).toEqual([])
  })

  it('says of each row where it is here', () => {
    expect(rows.length).toBeGreaterThan(50)
    for (const { what, here } of rows) {
      expect(here, what).not.toBe('')
      for (const [, path = ''] of here.matchAll(/\]\(([^)#]+)/g)) {
        expect(existsSync(join(folder, path)), `${what}: ${path}`).toBe(true)
      }
    }
  })

  it('names keys that executor.yaml has, with the values of the article', () => {
    const { executor } = parse(read('executor.yaml'))
    const root = { ...executor.k8s.options, ...executor.k8s, plugin: executor.plugin }
    const at = (key: string): unknown => key.split('.').reduce((node, part) => node?.[part], root)
    const keys = article.slice(
      0,
      article.findIndex(([what]) => what === 'kind'),
    )
    expect(keys).toHaveLength(20)
    for (const [what, first = '', ...others] of keys) {
      const key = /^`([\w.]+)`/.exec(rows.find((row) => row.what === `\`${what}\``)?.here ?? '')?.[1] ?? ''
      const value = at(key)
      expect(value, `${what}: ${key}`).toBeDefined()
      if (key === 'launchImage' || key === 'launchVersion') continue
      // Tiers are "low 2", all else is itself.
      const tiers = [first, ...others].map((each) => each.split(' ')).filter(([, size]) => size !== undefined)
      if (!what.startsWith('resources.')) expect(JSON.stringify(value), key).toContain(first)
      else expect(value).toEqual(Object.fromEntries(tiers.map(([tier, size]) => [tier, JSON.parse(size ?? '')])))
    }
  })
})
