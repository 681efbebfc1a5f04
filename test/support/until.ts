/** Looks until it is so, and gives what it saw. @throws Error after `withinMs`: unlike `eventually`, there is no last answer */
export async function until<T>(what: string, look: () => T | undefined | false, withinMs = 8000): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
