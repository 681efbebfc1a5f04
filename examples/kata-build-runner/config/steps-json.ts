import type { Step } from './build-file.js'

/** What the guard takes (`docs/guard.md`, "Steps"). */
export const stepLimits = { steps: 256, fileBytes: 256 * 1024, nameBytes: 63, words: 1024 } as const
/** Linux takes no longer argument (`MAX_ARG_STRLEN`), its NUL included. */
export const mostWordBytes = 128 * 1024 - 1

/** The guard's list of steps. */
export function stepsJson(steps: readonly Step[]): string {
  return JSON.stringify({
    steps: steps.map(({ name, argv, shell, silenceBudget, timeLimit }) => ({
      ...{ name, argv, shell, silenceBudget, timeLimit },
    })),
  })
}
