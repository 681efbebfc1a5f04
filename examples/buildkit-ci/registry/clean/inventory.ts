import type { RegistryClient } from '../api/client.js'
import { createdMs } from '../api/created.js'
import type { Manifest } from '../api/manifest.js'

/** What one repository holds, as far as its tags lead to it: the API lists nothing else. */
export interface Inventory {
  repository: string
  /** The digest of each. */
  tags: Map<string, string>
  manifests: Map<string, Listed>
}

export interface Listed extends Manifest {
  /** Undefined: nothing says it. */
  createdMs?: number | undefined
}

/** A registry is one server: more requests at a time would only meet its rate limit sooner. */
const atOnce = 4

/** Reads a repository: its tags, the manifests that they lead to, and what refers to those. */
export async function inventoryOf(client: RegistryClient, repository: string): Promise<Inventory> {
  const tags = new Map<string, string>()
  await inParallel(await client.tags(repository), async (tag) => {
    const digest = await client.digestOf(repository, tag)
    if (digest !== undefined) tags.set(tag, digest)
  })
  const manifests = new Map<string, Listed>()
  let round = [...new Set(tags.values())]
  while (round.length > 0) {
    const found = new Set<string>()
    await inParallel(round, async (digest) => {
      const manifest = await client.manifest(repository, digest)
      if (manifest === undefined) return
      const [created, referrers] = await Promise.all([
        createdMs(client, repository, manifest),
        client.referrers(repository, digest),
      ])
      manifests.set(digest, { ...manifest, createdMs: created })
      for (const each of [...manifest.children, ...referrers]) found.add(each)
      if (manifest.subject !== undefined) found.add(manifest.subject)
    })
    round = [...found].filter((digest) => !manifests.has(digest) && !round.includes(digest))
  }
  return { repository, tags, manifests }
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
