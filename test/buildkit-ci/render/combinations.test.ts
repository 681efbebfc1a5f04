import fc from 'fast-check'
import { lint, podTemplates } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import type { Manifest } from '../../../examples/buildkit-ci/render/manifest.js'
import { manifestsOf } from '../../../examples/buildkit-ci/render/manifests.js'
import { yamlOf } from '../../../examples/buildkit-ci/render/yaml.js'
import { validate } from '../../support/schema.js'
import { take } from '../cli/call.js'
import { configOf } from '../config/samples.js'
import { configs } from './combinations.js'
import { commandLinesOf, containersOf } from './command-lines.js'

/** `CONFIGS=2000` for more of them, `SEED=N` for the same ones again. `npm test` has few: each costs 20 ms. */
const count = Number(process.env['CONFIGS'] ?? 12)
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const drawn = fc.sample(configs, { numRuns: count, seed })
const rendered = drawn.map((values) => manifestsOf(configOf(values)))

/** Of each config; a failure shows the config, and the seed that draws it again. */
function ofEveryConfig(check: (manifests: Manifest[]) => void): void {
  for (const [index, manifests] of rendered.entries()) {
    try {
      check(manifests)
    } catch (error) {
      throw new Error(`SEED=${seed}, config ${index}: ${JSON.stringify(drawn[index])}`, { cause: error })
    }
  }
}

/**
 * A CronJob adds 11 characters to the names of its Jobs (`ValidateCronJobCreate`). A StatefulSet's pods have a label of its
 * name and a hash of up to 10 digits, `controller-revision-hash`, and a label's value has at most 63 characters.
 */
const longestNames: Record<string, number> = { CronJob: 52, StatefulSet: 52 }

const keyOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`

describe('the manifests of every config', () => {
  it('are clean for lint', () => {
    ofEveryConfig((manifests) => {
      expect(
        manifests.flatMap((manifest) =>
          lint(manifest, { allProbes: true }).map(({ rule, message, resource }) => ({ rule, message, resource })),
        ),
      ).toEqual([])
    })
  })

  it('are valid by the published schemas', () => {
    ofEveryConfig((manifests) => {
      for (const manifest of manifests) expect(() => validate(manifest), keyOf(manifest)).not.toThrow()
    })
  })

  it('are each there once', () => {
    ofEveryConfig((manifests) => {
      const keys = manifests.map(keyOf)
      expect([...new Set(keys)]).toEqual(keys)
    })
  })

  it('have names that the API server takes', () => {
    ofEveryConfig((manifests) => {
      for (const manifest of manifests) {
        const { kind, metadata } = manifest
        expect(metadata.name, kind).toMatch(/^[a-z]([a-z0-9-]*[a-z0-9])?$/)
        expect(metadata.name.length, keyOf(manifest)).toBeLessThanOrEqual(longestNames[kind] ?? 63)
      }
    })
  })

  it('are the same as YAML, without an alias', () => {
    ofEveryConfig((manifests) => {
      const text = yamlOf(manifests)
      expect(text).not.toMatch(/(: |- )[&*]/)
      expect(text).not.toContain('undefined')
    })
  })

  it('start this program with command lines that it takes', () => {
    ofEveryConfig((manifests) => {
      for (const { name, args } of commandLinesOf(manifests)) {
        expect(() => take(args), `${name}: ${args.join(' ')}`).not.toThrow()
      }
    })
  })

  it('ask for ephemeral storage in each container, so that none "exceeds its request of 0"', () => {
    ofEveryConfig((manifests) => {
      for (const { name, container } of containersOf(manifests)) {
        // wire's installer writes a few kilobytes and ends.
        if (container.name === 'shm-liveness') continue
        expect(container.resources?.requests, name).toHaveProperty('ephemeral-storage')
      }
    })
  })

  it('find each ConfigMap that a pod mounts, and each pod that a Service or a budget selects', () => {
    ofEveryConfig((manifests) => {
      const maps = manifests.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name)
      const mounted = podTemplates({ kind: 'List', items: manifests }).flatMap(({ spec }) =>
        (spec.volumes ?? []).flatMap((volume) => (volume as { configMap?: { name: string } }).configMap?.name ?? []),
      )
      expect([...new Set(mounted)].sort()).toEqual(maps.sort())
      const labels = manifests.flatMap((manifest) => templateLabels(manifest))
      for (const selector of manifests.flatMap(selectorsOf)) {
        expect(labels.some((each) => Object.entries(selector).every(([key, value]) => each[key] === value))).toBe(true)
      }
    })
  })
})

interface Loose {
  spec?: {
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>
    podSelector?: { matchLabels?: Record<string, string> }
    template?: { metadata?: { labels?: Record<string, string> } }
    jobTemplate?: { spec?: Loose['spec'] }
  }
}

function templateLabels(manifest: Manifest): Record<string, string>[] {
  const { spec } = manifest as Loose
  const template = spec?.template ?? spec?.jobTemplate?.spec?.template
  return template?.metadata?.labels === undefined ? [] : [template.metadata.labels]
}

function selectorsOf(manifest: Manifest): Record<string, string>[] {
  const { spec } = manifest as Loose
  const selector = spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels ?? spec?.selector
  return selector === undefined ? [] : [selector as Record<string, string>]
}
