import type { Command } from 'commander'
import { type Budgets, budgetsFor, type StepBudget, stepBudgetOf, usualBudget } from '../progress/budgets.js'
import { duration } from './durations.js'

/** How long steps may be silent. */
export interface BudgetFlags {
  toldAfter: number
  endedAfter: number
  stepBudget: StepBudget[]
}

/** @param whatEnds what is ended after the second budget, as a part of a sentence */
export function withBudgetFlags(command: Command, whatEnds: string): Command {
  const { toldAfterMs, endedAfterMs } = usualBudget
  return command
    .option('--told-after <duration>', 'the silence of a step that is told (default: 5m)', duration, toldAfterMs)
    .option('--ended-after <duration>', `the silence that ends ${whatEnds} (default: 30m)`, duration, endedAfterMs)
    .option('--step-budget <budget>', 'of some steps: "RUN npm ci*=10m,1h", ",never"; may be repeated', collected, [])
}

function collected(text: string, before: StepBudget[]): StepBudget[] {
  return [...before, stepBudgetOf(text)]
}

/** @throws CiError `BUDGET_INVALID` */
export function budgetsOf(ended: 'build' | 'daemon', { toldAfter, endedAfter, stepBudget }: BudgetFlags): Budgets {
  return budgetsFor(ended, { toldAfterMs: toldAfter, endedAfterMs: endedAfter }, stepBudget)
}
