/**
 * The next page (RFC 8288), as a path of the same registry; undefined if this is the last.
 *
 * @param base the URL that was asked
 * @throws Error for a link to another origin: credentials must not follow it
 */
export function nextPageOf(header: string | null, base: URL): string | undefined {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(/<([^>]*)>([^,]*)/g)) {
    if (!/;\s*rel\s*=\s*"?next"?/i.test(parameters)) continue
    const url = new URL(target, base)
    // A registry behind a proxy that ends TLS often names itself with http: its host is what counts.
    if (url.host !== base.host) throw new Error(`its next page is on another host, ${url.host}`)
    return `${url.pathname}${url.search}`
  }
  return undefined
}
