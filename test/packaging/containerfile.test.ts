import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesOf, podmanDid, unpacked, whyNoPodman } from '../support/podman.js'
import { built, makePrebuilds, prebuildsFolder, prebuildsLimitMs } from '../support/prebuilds.js'

const root = join(import.meta.dirname, '../..')

describe.skipIf(whyNoPodman !== undefined || built.length < 2)('the Containerfile over the folder prebuilds', () => {
  it(
    'builds an image for each architecture under one name',
    () => {
      makePrebuilds()
      const context = join(root, 'prebuilds')
      execFileSync(process.execPath, [join(root, 'scripts/bundle-auto.mjs'), context])
      const name = 'localhost/shm-liveness:both'
      const file = ['--file', join(root, 'images/Containerfile')]
      podmanDid(['build', '--quiet', '--platform', 'linux/amd64,linux/arm64', '--manifest', name, ...file, context])
      const { manifests } = JSON.parse(podmanDid(['manifest', 'inspect', name])) as {
        manifests: { digest: string; platform: { architecture: string } }[]
      }
      expect(manifests.map(({ platform }) => platform.architecture).sort()).toEqual(['amd64', 'arm64'])
      for (const [arch, architecture] of [['x64', 'amd64'] as const, ['arm64', 'arm64'] as const]) {
        const tag = `localhost/shm-liveness:${architecture}`
        podmanDid(['build', '--quiet', '--platform', `linux/${architecture}`, '--tag', tag, ...file, context])
        expect(filesOf(tag)).toEqual(['auto.mjs', 'auto.node', 'shm-guard', 'shm-probe'])
        const programOf = (folder: string) => readFileSync(join(folder, 'shm-probe'))
        expect(programOf(unpacked(tag)).equals(programOf(prebuildsFolder(arch)))).toBe(true)
        expect(statSync(join(unpacked(tag), 'shm-probe')).mode & 0o777).toBe(0o755)
      }
    },
    prebuildsLimitMs,
  )
})
