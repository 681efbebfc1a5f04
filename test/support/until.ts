import { inspect } from 'node:util'

/** Long enough for a machine at load 16. A test that passes never waits this long. */
const defaultLimitMs = 60_000
const pauseMs = 5

type Found<Seen> = Exclude<Seen, undefined | null | false>

/**
 * Asks again and again until the answer is neither undefined, null nor false, and gives that answer. The one way in which
 * tests wait: for a state, never for a time.
 *
 * @param what the state, as a part of a sentence: "the worker is ready"
 * @throws Error that names the state and the last answer, after `withinMs`
 */
export async function until<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  withinMs = defaultLimitMs,
): Promise<Found<Seen>> {
  return (await untilHolds(
    what,
    look,
    (seen) => seen !== undefined && seen !== null && seen !== false,
    withinMs,
  )) as Found<Seen>
}

/** As {@link until}, with a condition of its own: the error then shows the answer that did not meet it. */
export async function untilHolds<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  holds: (seen: Seen) => boolean,
  withinMs = defaultLimitMs,
): Promise<Seen> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > deadline) {
      throw new Error(`Not within ${withinMs / 1000} s: ${what}. Last seen: ${inspect(seen, { depth: 4 })}`)
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
