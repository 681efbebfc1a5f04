import type { V1ListMeta } from '@kubernetes/client-node'

export interface Page<T> {
  items: T[]
  metadata?: V1ListMeta | undefined
}

const mostPerPage = 250

/**
 * A whole list, page by page; all pages are of the same version. If that is forgotten meanwhile (5 to 15 minutes), the
 * server says 410, and the caller begins again.
 */
export async function allPages<T>(
  ask: (page: { limit: number; _continue?: string }) => Promise<Page<T>>,
): Promise<{ items: T[]; version: string }> {
  const items: T[] = []
  let metadata: V1ListMeta | undefined
  do {
    const token = metadata?._continue
    const page: Page<T> = await ask({ limit: mostPerPage, ...(token === undefined ? {} : { _continue: token }) })
    items.push(...page.items)
    metadata = page.metadata
  } while (metadata?._continue)
  return { items, version: metadata?.resourceVersion ?? '' }
}
