import type { V1ListMeta } from '@kubernetes/client-node'
import { malformed } from './projection.js'

export interface Page<T> {
  items: T[]
  metadata?: V1ListMeta | undefined
}

export interface PageAsked {
  limit: number
  _continue?: string
}

const mostPerPage = 250

/**
 * A page as much of whose items is kept as `of` makes of them.
 *
 * @throws ApiException if the answer has another shape than a list
 */
export function pageOf<T>({ items, metadata }: Page<unknown>, of: (item: unknown) => T): Page<T> {
  if (!Array.isArray(items)) throw malformed('a list without items')
  return { items: items.map(of), metadata }
}

/**
 * A whole list, page by page; all pages are of the same version. If that is forgotten meanwhile (5 to 15 minutes), the
 * server says 410, and the caller begins again.
 */
export async function allPages<T>(
  ask: (page: PageAsked) => Promise<Page<T>>,
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
