import type { FailureKind } from '../../../../examples/kata-build-runner/model/failure.js'
import type { Observed } from '../../../../examples/kata-build-runner/watch/observed.js'

/** A real status, and what must be made of it. */
export interface Case {
  name: string
  observed: Observed
  kind: FailureKind
  /** Parts of the summary. */
  says: (string | RegExp)[]
  remedy?: string | RegExp
  retry?: boolean
  /** A part of one line of the evidence. */
  evidence?: string
}
