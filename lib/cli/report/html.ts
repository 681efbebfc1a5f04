/** Text that is HTML already. All other text is escaped where it is put in. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | readonly Html[]

/** A template in which each text is data: a name like `<script>` is shown and never run. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(String.raw({ raw: parts }, ...values.map(textOf)))
}

export const nothing = new Html('')

function textOf(value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return escaped(String(value))
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string)
}
