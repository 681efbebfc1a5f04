/** Whole outputs, to be read in a review. `vitest -u` writes them anew. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../examples/buildkit-ci/config/read-config.js'
import { manifestsOf } from '../../../examples/buildkit-ci/render/manifests.js'
import { yamlOf } from '../../../examples/buildkit-ci/render/yaml.js'
import { configOf, fileOf } from '../config/samples.js'

const golden = (name: string): string => join(import.meta.dirname, '../golden', `${name}.yaml`)

describe('the manifests', () => {
  it('of the sample: rootless, three shards, and everything around them', async () => {
    const manifests = manifestsOf(readConfig(fileOf('ci.yaml'), 'ci.yaml'))
    await expect(yamlOf(manifests)).toMatchFileSnapshot(golden('sample'))
  })

  it('of one daemon in a virtual machine, with emulators in it', async () => {
    const config = configOf({ daemon: { isolation: 'kata' }, binfmt: { architectures: ['arm64'] } })
    await expect(yamlOf(manifestsOf(config))).toMatchFileSnapshot(golden('kata'))
  })

  it('of one privileged daemon without a volume', async () => {
    const daemon = { isolation: 'privileged', storage: { kind: 'ephemeral', size: '50Gi' } }
    await expect(yamlOf(manifestsOf(configOf({ daemon })))).toMatchFileSnapshot(golden('privileged-ephemeral'))
  })
})
