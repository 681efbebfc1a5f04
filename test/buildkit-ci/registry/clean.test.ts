import { describe, expect, it } from 'vitest'
import { RegistryClient } from '../../../examples/buildkit-ci/registry/api/client.js'
import { endpointOf } from '../../../examples/buildkit-ci/registry/api/endpoint.js'
import { Transport } from '../../../examples/buildkit-ci/registry/api/transport.js'
import { type CleanOutcome, cleanRepository } from '../../../examples/buildkit-ci/registry/clean/carry-out.js'
import { readCleanPolicy } from '../../../examples/buildkit-ci/registry/clean/policy.js'
import { keptLinesOf, linesOf } from '../../../examples/buildkit-ci/registry/clean/report.js'
import { OciRegistry } from '../../fakes/oci-registry.js'
import { digestOf } from '../../support/oci-layout.js'

const nowMs = Date.parse('2026-06-30T00:00:00Z')
const [old, older, fresh] = ['2026-06-01T00:00:00Z', '2026-05-01T00:00:00Z', '2026-06-29T12:00:00Z']

const policy = (rule = 'keepNewest: 0') =>
  readCleanPolicy(
    `keep: [{ tags: [release-*] }]\nrules: [{ name: pull-requests, tags: ['*'], olderThan: 336h, ${rule} }]`,
    'policy.yaml',
  )

async function clean(registry: OciRegistry, { isDry = false, rule = 'keepNewest: 0' } = {}): Promise<CleanOutcome> {
  const client = new RegistryClient(new Transport(endpointOf(registry.address)))
  return await cleanRepository(client, 'app', { policy: policy(rule), nowMs, isDry })
}

const digests = ({ plan }: CleanOutcome): string[] => plan.deletions.map(({ digest }) => digest)
const tagsOf = ({ manifests }: OciRegistry): string[] =>
  [...manifests.keys()].map((key) => key.slice('app '.length)).filter((tag) => !tag.startsWith('sha256:'))

describe('clean-up', () => {
  it('deletes what is too old, says which rule does, and leaves what is new or kept', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1'], old)
    registry.image('app', ['pr-2'], fresh)
    registry.image('app', ['release-1'], old)
    const outcome = await clean(registry)
    expect(linesOf(outcome, false)).toEqual([
      `deleted app@${digest} (pr-1): rule pull-requests: 29d old, more than 14d`,
    ])
    expect(keptLinesOf(outcome)).toEqual([
      'keep app:pr-2: rule pull-requests matches, but it is only 12h old',
      'keep app:release-1: kept by "release-*"',
    ])
    expect(tagsOf(registry)).toEqual(['pr-2', 'release-1'])
  })

  it('deletes nothing in a dry run', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1'], old)
    expect(linesOf(await clean(registry, { isDry: true }), true)).toEqual([
      `would delete app@${digest} (pr-1): rule pull-requests: 29d old, more than 14d`,
    ])
    expect(registry.requests.filter((request) => request.startsWith('DELETE'))).toEqual([])
  })

  it('keeps the newest of a rule, however old they are', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1'], older)
    registry.image('app', ['pr-2'], old)
    expect(digests(await clean(registry, { rule: 'keepNewest: 1' }))).toEqual([digest])
  })

  it('never deletes a manifest that a kept tag shares, and says that the tag stays if the registry cannot remove it alone', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1', 'release-1'], old)
    const outcome = await clean(registry)
    expect(digests(outcome)).toEqual([])
    expect(linesOf(outcome, false)).toEqual([
      `kept app:pr-1: rule pull-requests: 29d old, more than 14d, but its manifest ${digest} is needed by tag release-1, and this registry cannot remove a tag alone`,
    ])
    registry.canDeleteTags = true
    await clean(registry)
    expect(tagsOf(registry)).toEqual(['release-1'])
  })

  it('deletes a manifest with two tags once both go', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1', 'pr-2'], old)
    expect(await clean(registry)).toMatchObject({ plan: { deletions: [{ digest, tags: ['pr-1', 'pr-2'] }] } })
    expect(tagsOf(registry)).toEqual([])
  })

  it('never deletes a part of a kept index, though its own tag goes', async () => {
    const registry = await OciRegistry.start()
    const part = registry.image('app', ['pr-1-amd64'], old)
    registry.manifest('app', ['release-1'], { manifests: [{ digest: part }] })
    const outcome = await clean(registry)
    expect(digests(outcome)).toEqual([])
    expect(outcome.plan.untaggings).toMatchObject([{ tag: 'pr-1-amd64', neededBy: 'tag release-1' }])
  })

  it('deletes an index before its parts, but not the parts that another one has', async () => {
    const registry = await OciRegistry.start()
    const own = registry.image('app', ['a-part'], old, { own: 1 })
    const shared = registry.image('app', [], old, { shared: 1 })
    const index = registry.manifest('app', ['pr-1'], { manifests: [{ digest: own }, { digest: shared }] })
    registry.manifest('app', ['release-1'], { manifests: [{ digest: shared }] })
    expect(digests(await clean(registry))).toEqual([index, own])
  })

  it('takes signatures along with what they sign, and leaves those of what stays', async () => {
    const registry = await OciRegistry.start()
    const [signed, kept] = [registry.image('app', ['pr-1'], old), registry.image('app', ['release-1'], old)]
    const signature = registry.manifest('app', [], { subject: { digest: signed } })
    registry.manifest('app', [], { subject: { digest: kept } })
    const cosign = registry.manifest('app', [`${signed.replace(':', '-')}.sig`], { layers: [] })
    expect(digests(await clean(registry)).sort()).toEqual([signed, signature, cosign].sort())
  })

  it('deletes nothing whose age is unknown: no date, or the epoch of a reproducible build', async () => {
    const registry = await OciRegistry.start()
    registry.manifest('app', ['artifact'], { layers: [] })
    registry.image('app', ['reproducible'], '1970-01-01T00:00:00Z')
    expect(keptLinesOf(await clean(registry))).toEqual([
      'keep app:artifact: rule pull-requests matches, but its age is unknown',
      'keep app:reproducible: rule pull-requests matches, but its age is unknown',
    ])
  })

  it('finds the age of a build cache of BuildKit in its records', async () => {
    const registry = await OciRegistry.start()
    const config = JSON.stringify({ records: [{ layers: [{ createdAt: older }] }, { layers: [{ createdAt: old }] }] })
    registry.blobs.set(digestOf(config), config)
    const mediaType = 'application/vnd.buildkit.cacheconfig.v0'
    registry.manifest('app', ['cache'], { manifests: [{ mediaType, digest: digestOf(config) }] })
    const outcome = await clean(registry, { isDry: true })
    expect(outcome.plan.deletions).toMatchObject([{ why: 'rule pull-requests: 29d old, more than 14d' }])
  })

  it('spares what a tag was moved to between the two looks', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['pr-1'], old)
    const text = registry.manifests.get('app pr-1') as string
    // The first look is over once it has asked who refers to the manifest.
    const push = registry.requests.push.bind(registry.requests)
    registry.requests.push = (request) => {
      if (request.includes('/tags/list') && registry.requests.some((each) => each.includes('/referrers/'))) {
        registry.manifests.set('app release-1', text)
      }
      return push(request)
    }
    const outcome = await clean(registry)
    expect(outcome).toMatchObject({ plan: { deletions: [] }, spared: [digest] })
    expect(registry.manifests.has(`app ${digest}`)).toBe(true)
  })
})

describe('a policy', () => {
  it('is refused with everything that is wrong with it', () => {
    const text = 'keep: [{ tag: [v*] }]\nrules:\n  - { name: Old Ones, tags: [], olderThan: 14 }'
    expect(() => readCleanPolicy(text, 'policy.yaml')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /policy.yaml:1: .*did you mean "tags"[\s\S]*name: must be[\s\S]*tags: must have one[\s\S]*olderThan: must be a duration/,
        ),
      }),
    )
  })
})
