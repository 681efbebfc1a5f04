/** What one look at a cluster came to. */
export interface Finding {
  level: 'ok' | 'warning' | 'error'
  /** What was looked at. */
  what: string
  /** What was found, in a line. */
  found: string
  /** What to do about it; of everything that is not ok. */
  hint?: string
}

export function ok(what: string, found: string): Finding {
  return { level: 'ok', what, found }
}

export function warning(what: string, found: string, hint: string): Finding {
  return { level: 'warning', what, found, hint }
}

export function error(what: string, found: string, hint: string): Finding {
  return { level: 'error', what, found, hint }
}
