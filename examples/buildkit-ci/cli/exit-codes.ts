/** Exit statuses of the program. What is particular to a command is in its document. */
export const exitCodes = {
  done: { code: 0, meaning: 'done' },
  usage: { code: 2, meaning: 'the command line or ci.yaml is invalid' },
  notReady: { code: 3, meaning: 'preflight found an error, or what is needed cannot be reached' },
  bug: { code: 70, meaning: 'a mistake in this program: report it with what it printed' },
} as const satisfies Record<string, { code: number; meaning: string }>
