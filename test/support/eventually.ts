import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until the answer holds; the last answer, if it never does, so that the test can show it. */
export async function eventually<Answer>(
  ask: () => Answer | Promise<Answer>,
  holds: (answer: Answer) => boolean,
  withinMs = 5_000,
): Promise<Answer> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (holds(answer) || performance.now() > deadline) return answer
    await sleep(10)
  }
}
