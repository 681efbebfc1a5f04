import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { LocalRegistry } from '../../examples/buildkit-ci/registry/local/local-registry.js'

/**
 * Debian's registry for all tests of a file, and a folder for what they make. Both are gone after them.
 *
 * @param whyNot why the tests are skipped; undefined: they run
 */
export function useRegistry(whyNot: string | undefined): { folder: string; registry: () => LocalRegistry } {
  const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-'))
  let registry: LocalRegistry | undefined
  beforeAll(async () => {
    if (whyNot !== undefined) return
    registry = await LocalRegistry.start({
      ...{ program: 'docker-registry', storageDirectory: join(folder, 'storage') },
      ...{ host: '127.0.0.1', port: 0, pushWindowMs: 3_600_000 },
    })
  })
  afterAll(async () => {
    await registry?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, registry: () => registry as LocalRegistry }
}
