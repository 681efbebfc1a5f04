import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { permissions } from '../../../examples/kata-build-runner/cli/permissions.js'
import { boots, guardRuns, hangs, unschedulable } from '../../fakes/kube-api/index.js'
import { Desk } from './desk.js'

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

const text = readFileSync(join(import.meta.dirname, '../../../examples/kata-build-runner/rbac.yaml'), 'utf8')

function granted(): string[] {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as { kind: string; rules?: Rule[] })
  return documents.flatMap(({ kind, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${kind} ${verb} ${group}/${resource}`)),
      ),
    ),
  )
}

/** The right that a request needs. */
function neededBy({ method, path }: { method: string; path: string }): string | undefined {
  const { pathname, searchParams } = new URL(path, 'https://any')
  const match = /^\/(?:api|apis\/([^/]+))\/v1\/(?:namespaces\/([^/]+)\/)?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
    pathname,
  )
  if (match === null || pathname.includes('selfsubjectaccessreviews')) return undefined
  const [, group = '', namespace, plural, name, subresource] = match
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  const reads = searchParams.get('watch') === null ? (name === undefined ? 'list' : 'get') : 'watch'
  const verbs: Record<string, string> = { GET: reads, POST: 'create', PATCH: 'patch', DELETE: 'delete' }
  return `${namespace === undefined ? 'ClusterRole' : 'Role'} ${verbs[method]} ${group}/${resource}`
}

describe('rbac.yaml', () => {
  it('grants what `preflight` asks for', () => {
    const asked = permissions.map(
      ({ group, resource, verb, isClusterWide }) =>
        `${isClusterWide ? 'ClusterRole' : 'Role'} ${verb} ${group}/${resource}`,
    )
    expect(granted().sort()).toEqual(asked.sort())
  })

  it('grants the calls that are made, and nothing else', async () => {
    const desk = await Desk.open()
    const { kube } = desk
    const used = new Set<string>()
    const hanging = [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })]
    kube.scenario('kept-1', hanging)
    kube.scenario('strict-1', hanging)
    kube.scenario('waits-1', [unschedulable(), hangs])
    await desk.call('preflight', '--no-self-test')
    await desk.call('run', desk.build('green'))
    await desk.call('run', desk.build('green'))
    // Kueue's order, over a Secret of an earlier Job.
    const labels = { app: 'screwdriver', tier: 'builds', sdbuild: 'queued' }
    kube.add('secrets', { metadata: { name: 'queued-1', labels }, data: {} })
    const queued = desk.start('run', desk.build('queued', 'queue: builds\n'))
    await desk.until('its adoption', () => kube.find('secrets', 'queued-1')?.metadata.ownerReferences?.[0])
    kube.change('jobs', 'queued-1', (job) => ({ ...job, spec: { ...(job['spec'] as object), suspend: false } }))
    await desk.ending(queued)
    const kept = desk.start('run', desk.build('kept'))
    await desk.until('output', () => kept.stdout.includes('begun'))
    kept.signal('SIGTERM')
    await desk.ending(kept)
    const waits = desk.start('run', desk.build('waits'), '--progress')
    await desk.until('its stage', () => waits.stderr.includes('queued'))
    await desk.until('its events', () => kube.requests.some(({ path }) => path.includes('/events')))
    await desk.call('cancel', 'waits')
    await desk.ending(waits)
    const strict = desk.start('run', desk.build('strict'))
    await desk.until('output', () => strict.stdout.includes('begun'))
    kube.authorization.deny('patch', 'pods')
    strict.signal('SIGTERM')
    await desk.ending(strict)
    await desk.call('gc')
    for (const request of kube.requests) {
      const right = neededBy(request)
      if (right !== undefined) used.add(right)
    }
    expect([...used].sort()).toEqual(granted().sort())
  })
})
