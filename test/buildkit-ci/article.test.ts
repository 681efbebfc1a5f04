import { describe, expect, it } from 'vitest'
import { fileOf } from './config/samples.js'

const table = fileOf('README.md').split('\n## The article\n')[1] ?? ''
const rows = [...table.matchAll(/^\| (.*) \| (.*) \| (.*) \|$/gm)]
  .slice(1)
  .map(([, what = '', there = '', here = '']) => ({ what, there, here }))

/** What the article says, read line by line: what of, and the words that must be there. */
const article: [what: string, ...values: string[]][] = [
  // Problems.
  ['dockershim', 'Dec 2nd, 2020'],
  ['Docker multiplatform', 'x86', 'ARM64', 'ARMv8', '200GB'],
  ['GKE agents', 'Google File Store (NFS)', 'docker.sock'],
  ['DoD agent', 'docker.sock'],
  ['AKS agents temp', 'Kaniko'],
  ['ARM agents', 'Jetson Xavier'],
  ['no clear way to deploy'],
  ['distributed layer caching', 'nothing'],
  ['client shares the machine'],
  ['N nodes mean N builds', 'own docker daemon'],
  ['nodes come and go', 'irrelevant'],
  ['local storage', 'ML and IoT'],
  ['docker run'],
  ['MySQL', 'systemd'],
  ['Docker outside of Docker', 'mounted from the nodes'],
  ['Kaniko and Makisu', 'slow'],
  ['without BuildKit'],
  ['Docker inside of Docker', 'bad practice'],
  // Solution.
  ['automatic garbage collection'],
  ['concurrent dependency resolution'],
  ['cache import/export'],
  ['frontends, nested invocations, outputs, pluggable'],
  ['distributable workers'],
  ['without root privileges'],
  ['Buildx', 'plugin'],
  ['--secret', 'history'],
  ['emulator', 'tonistiigi/binfmt', 'ARM64'],
  ['caching, first', 'not depended on'],
  ['caching, second', '--cache-to', '--cache-from'],
  ['caching, third', 'AKS', 'GKE', 'ACR', 'GCR'],
  ['caching, fourth', 'CI tests', 'same network'],
  // Build.
  ['ADO agent', 'when it starts'],
  ['emptyDir', '17007192Ki', 'exceeds its request of 0'],
  ['configMap'],
  ['SSD', 'overhead'],
  ['nodes pull', 'AKS from GCR', 'GKE from ACR'],
  ['caching in GCR', 'ACR'],
  ['local registry', 'CI tests'],
  ['binfmt', 'DaemonSet', 'builds the agent'],
  ['deployment', 'Rancher'],
  // Tests, and what was next.
  ['Podman', 'alias docker=podman', 'no ARM64'],
  ['bash script', 'longer'],
  ['50% improvement', 'multi-stage'],
  ['heavy scale tests'],
  ['a PV, or a cronjob', 'Maybe registries are more than enough'],
  ['tool that cleans the local registry', 'not maintained'],
  ['old junk', 'cleaned'],
  ['pipeline caching', 'Azure DevOps'],
  ['Project Teleport', 'network'],
]

describe("the article's table", () => {
  it.each(article)('has %s', (what, ...values) => {
    const found = rows.filter((row) => row.what.includes(what) && values.every((value) => row.there.includes(value)))
    expect(found, [what, ...values].join(', ')).not.toEqual([])
  })

  it('has nothing that the article has not, and says of each row where it is here', () => {
    const isKnown = (row: string): boolean => article.some(([what]) => row.includes(what))
    expect(rows.map(({ what }) => what).filter((what) => !isKnown(what))).toEqual([])
    for (const { what, here } of rows) expect(here, what).not.toBe('')
  })
})
