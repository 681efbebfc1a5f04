/** The table that renews itself, on a terminal. */
import type { Look, Source } from './look.js'
import { type SortKey, sorted, sortKeys } from './order.js'
import type { KeyName, Screen } from './screen.js'
import { type Line, linesOf, summaryOf } from './view.js'

const help = 'q quit   s sort   up/down/pgup/pgdn scroll'
/** Beside the rows: the title, an empty line and the heading above them, an empty line and the help below. */
const otherLines = 5

/**
 * Looks and draws until somebody quits.
 *
 * @returns the signal that ended it; undefined, if a key did
 * @throws what a look throws; the terminal is given back before
 */
export async function live(
  source: Source,
  screen: Screen,
  intervalMs: number,
  sort: SortKey,
): Promise<NodeJS.Signals | undefined> {
  const table = new ScrolledTable(source, sort)
  const draw = (): void => screen.draw(table.lines(screen.rows))
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  try {
    return await new Promise<NodeJS.Signals | undefined>((resolve, reject) => {
      const turn = async (): Promise<void> => {
        const began = performance.now()
        table.show(await source.look())
        draw()
        if (!isOver) timer = setTimeout(() => turn().catch(reject), intervalMs - (performance.now() - began))
      }
      screen.start({
        onKey: (name) => {
          if (name === 'q') resolve(undefined)
          table.press(name)
          draw()
        },
        onRedraw: draw,
        onQuit: resolve,
      })
      draw()
      turn().catch(reject)
    })
  } finally {
    isOver = true
    clearTimeout(timer)
    screen.stop()
  }
}

/** Which part of a look is shown, and in which order. */
class ScrolledTable {
  #look: Look | undefined
  #first = 0
  #page = 1

  constructor(
    private readonly source: Source,
    private sort: SortKey,
  ) {}

  show(look: Look): void {
    this.#look = look
  }

  press(key: KeyName): void {
    const moves: Record<KeyName, number> = {
      ...{ up: -1, down: 1, pageup: -this.#page, pagedown: this.#page },
      ...{ home: Number.NEGATIVE_INFINITY, end: Number.MAX_SAFE_INTEGER },
    }
    this.#first += moves[key] ?? 0
    if (key !== 's') return
    this.sort = sortKeys[(sortKeys.indexOf(this.sort) + 1) % sortKeys.length] as SortKey
    this.#first = 0
  }

  lines(height: number): Line[] {
    const { title, placeHeading } = this.source
    const look = this.#look
    if (look === undefined) return [{ text: title, style: 'bold' }]
    this.#page = Math.max(1, height - otherLines)
    const total = look.unreadable.length + look.workers.length
    this.#first = Math.max(0, Math.min(this.#first, total - this.#page))
    const unreadable = look.unreadable.slice(this.#first, this.#first + this.#page)
    const from = Math.max(0, this.#first - look.unreadable.length)
    const workers = sorted(look.workers, this.sort).slice(from, from + this.#page - unreadable.length)
    const shown = unreadable.length + workers.length
    const part = shown < total ? `   rows ${this.#first + 1}-${this.#first + shown} of ${total}` : ''
    return [
      { text: `${title}   ${summaryOf(look, placeHeading)}`, style: 'bold' },
      { text: '' },
      ...linesOf(placeHeading, unreadable, workers),
      ...Array.from({ length: this.#page - shown }, (): Line => ({ text: '' })),
      { text: '' },
      { text: `${help}   sorted by ${this.sort}${part}`, style: 'dim' },
    ]
  }
}
