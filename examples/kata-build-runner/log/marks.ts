interface Written {
  /** The bytes of the stream before this line, the guard's own included. */
  written: number
}

/** A line of the guard's among a build's output: `docs/guard.md`, "Steps". */
export type Mark =
  | (Written & { mark: 'begin'; step: number; of: number; name: string })
  | (Written & {
      mark: 'end'
      step: number
      of: number
      name: string
      outcome: string
      exit: number
      durationNs: number
    })
  | (Written & { mark: 'note'; text: string })
  | (Written & { mark: 'final'; outcome: string; exit: number })
