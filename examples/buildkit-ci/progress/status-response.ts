import type { StatusResponse } from '../buildkit-api/messages.js'
import type { ProgressUpdate } from './build-steps.js'

/** A message of the daemon's Status stream. */
export function progressOf({ vertexes, statuses, logs }: StatusResponse): ProgressUpdate {
  return {
    steps: vertexes.map(({ digest, name, started, completed, cached, error }) => ({
      ...{ digest, name, error },
      isStarted: started !== null,
      isCompleted: completed !== null,
      isCached: cached,
    })),
    parts: statuses.map(({ ID, vertex, current, completed }) => ({
      ...{ id: ID, step: vertex, current },
      isCompleted: completed !== null,
    })),
    output: logs.map(({ vertex }) => vertex),
  }
}
