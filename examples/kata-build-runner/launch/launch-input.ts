import type { BuildFile } from '../config/build-file.js'
import type { Route } from '../routing/route.js'

/** What a Job and its Secret are made of. */
export interface LaunchInput {
  build: BuildFile
  route: Route
  /** From 1. */
  attempt: number
  namespace: string
  /** Marks the guard's lines in the log: 1 to 32 of A-Z a-z 0-9 . _ - */
  nonce: string
  /** The values of `build.secretEnvironment`. */
  secretValues: Readonly<Record<string, string>>
}
