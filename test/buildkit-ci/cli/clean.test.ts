import { describe, expect, it } from 'vitest'
import { OciRegistry } from '../../fakes/oci-registry.js'
import { call, file } from './call.js'

const old = '2020-06-01T00:00:00Z'

async function hub(): Promise<OciRegistry> {
  const registry = await OciRegistry.start()
  registry.hasCatalog = false
  for (const repository of ['acme/app', 'acme/web', 'acme/other']) registry.image(repository, ['pr-1'], old)
  return registry
}

function clean(registry: OciRegistry, ruleRepositories: string[][], ...flags: string[]) {
  const rules = ruleRepositories.map((repositories, index) => {
    const names = repositories.length === 0 ? '' : `repositories: [${repositories.map((name) => `'${name}'`)}], `
    return `  - { name: rule-${index}, ${names}tags: ['pr-*'], olderThan: 1h }\n`
  })
  const policy = file('policy.yaml', `rules:\n${rules.join('')}`)
  return call(['clean', registry.address, '--policy', policy, ...flags])
}

const cleaned = (stdout: string): string[] =>
  [...stdout.matchAll(/^would delete (\S+)@/gm)].map(([, name]) => `${name}`)

describe('clean, of a registry that does not list its repositories', () => {
  it('takes the names in the rules, if all are without a wildcard', async () => {
    const registry = await hub()
    const { code, stdout } = await clean(registry, [
      ['acme/app', 'acme/none'],
      ['acme/web', 'acme/app'],
    ])
    expect(code).toBe(0)
    expect(cleaned(stdout)).toEqual(['acme/app', 'acme/web'])
    expect(registry.requests.filter((request) => request.includes('_catalog'))).toEqual([])
  })

  it('takes those of them that --repository matches', async () => {
    const { code, stdout } = await clean(await hub(), [['acme/app', 'acme/web']], '--repository', '*/web')
    expect(code).toBe(0)
    expect(cleaned(stdout)).toEqual(['acme/web'])
  })

  it.each([[['acme/*']], [[]]])('says what to do if a rule has %j', async (repositories) => {
    const { code, stderr } = await clean(await hub(), [['acme/app'], repositories])
    expect(code).toBe(3)
    expect(stderr).toContain('name each repository, without *, in `repositories` of every rule, or with --repository')
  })
})

describe('clean, of a registry that lists them', () => {
  it('takes what a wildcard of some rule matches', async () => {
    const registry = await hub()
    registry.hasCatalog = true
    const { stdout } = await clean(registry, [['acme/app'], ['acme/o*']])
    expect(cleaned(stdout).sort()).toEqual(['acme/app', 'acme/other'])
  })
})
