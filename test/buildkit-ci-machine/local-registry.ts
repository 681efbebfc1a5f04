import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect } from 'vitest'
import { stringify } from 'yaml'
import { localConfig } from '../../examples/buildkit-ci/registry/local/distribution-config.js'
import { LocalRegistry } from '../../examples/buildkit-ci/registry/local/local-registry.js'
import { digestOf, OciLayout } from '../support/oci-layout.js'
import { skopeo } from '../support/skopeo.js'

export const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-garbage-'))
export const running: LocalRegistry[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.stop()))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A registry that ends with the test. */
export async function started(
  options: { program?: string; storage?: string; pushWindowMs?: number } = {},
): Promise<LocalRegistry> {
  const registry = await LocalRegistry.start({
    ...{
      program: options.program ?? 'docker-registry',
      host: '127.0.0.1',
      port: 0,
      pushWindowMs: options.pushWindowMs ?? 3_600_000,
    },
    storageDirectory: options.storage ?? mkdtempSync(join(folder, 'storage-')),
  })
  running.push(registry)
  return registry
}

export function newLayout(): OciLayout {
  return new OciLayout(mkdtempSync(join(folder, 'layout-')))
}

export async function push({ port }: LocalRegistry, layout: OciLayout, tag: string, repository: string): Promise<void> {
  await skopeo('copy', '--all', `oci:${layout.folder}:${tag}`, `docker://127.0.0.1:${port}/${repository}:${tag}`)
}

/** Reads every blob of it, and compares each with its digest. */
export async function pull({ port }: LocalRegistry, tag: string, repository: string): Promise<void> {
  const target = mkdtempSync(join(folder, 'pulled-'))
  await skopeo('copy', '--all', `docker://127.0.0.1:${port}/${repository}:${tag}`, `dir:${target}`)
  rmSync(target, { recursive: true })
}

export async function remove({ port }: LocalRegistry, repository: string, digest: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/v2/${repository}/manifests/${digest}`
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(202)
}

/** A push by hand, which stops wherever a test wants it to. */
export class Push {
  readonly #url: string

  constructor({ port }: LocalRegistry, repository: string) {
    this.#url = `http://127.0.0.1:${port}/v2/${repository}`
  }

  async begin(): Promise<string> {
    const begun = await fetch(`${this.#url}/blobs/uploads/`, { method: 'POST' })
    expect(begun.status).toBe(202)
    return new URL(begun.headers.get('location') ?? '', this.#url).href
  }

  async finish(location: string, bytes: string): Promise<void> {
    const url = `${location}${location.includes('?') ? '&' : '?'}digest=${digestOf(bytes)}`
    expect((await fetch(url, { method: 'PUT', body: bytes })).status).toBe(201)
  }

  async blob(bytes: string): Promise<void> {
    await this.finish(await this.begin(), bytes)
  }

  async manifest(tag: string, config: string, layer: string): Promise<number> {
    const descriptor = (mediaType: string, bytes: string) => ({
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    })
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const body = JSON.stringify({
      ...{ schemaVersion: 2, mediaType },
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
    })
    const headers = { 'content-type': mediaType }
    return (await fetch(`${this.#url}/manifests/${tag}`, { method: 'PUT', headers, body })).status
  }
}

/**
 * Distribution 3, which Debian does not have. `DISTRIBUTION3_BIN` names its real `registry`; without it, Debian's registry
 * with the collector's rules of 3.
 */
export function distribution3(): string {
  const real = process.env['DISTRIBUTION3_BIN']
  if (real !== undefined) return real
  const script = join(folder, 'registry-3')
  const fixture = join(import.meta.dirname, '../../dist-programs/test/fixtures/unlinks-layers.js')
  const collect = `docker-registry "$@" && exec '${process.execPath}' '${fixture}' "$2"`
  writeFileSync(script, `#!/bin/sh\n[ "$1" = garbage-collect ] || exec docker-registry "$@"\n${collect}\n`)
  chmodSync(script, 0o755)
  return script
}

/** Runs the collector alone. */
export function collectAlone(program: string, storageDirectory: string): void {
  const config = join(folder, 'collector.yaml')
  writeFileSync(config, stringify(localConfig({ listen: '127.0.0.1:0', storageDirectory, httpSecret: 'unused' })))
  execFileSync(program, ['garbage-collect', config])
}
