import type { Session } from '../support/session.js'
import { inTurns, ratioText, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

/** Half a millisecond: on a busy machine most chunks run without being interrupted, and their median counts. */
const callsPerChunk = 20_000

/** A stamper's figure beside the bare clock's, each sample in a process of its own. */
async function besideFloor(session: Session, what: string, limit: number | undefined, sample: () => Promise<number>) {
  const floor = async () => Number(await session.runHelper('clock_floor', [200, callsPerChunk]))
  const { a, b, ratio } = await inTurns(session.quick ? 3 : 11, floor, sample)
  const row: Row = {
    what,
    measured: ratioText(ratio.median),
    spread: spreadText(ratio),
    figures: `${b.toFixed(1)} ns by ${a.toFixed(1)} ns`,
  }
  return limit === undefined ? row : { ...row, bar: atMost(limit, ratio.median) }
}

function fromJavaScript(session: Session, clock: 'precise' | 'coarse', workers: number): () => Promise<number> {
  return async () =>
    Number(
      await session.runNode('beat-loop', [session.newRegion(), '320', String(callsPerChunk), clock, String(workers)]),
    )
}

export async function beat(session: Session): Promise<Row[]> {
  return [
    await besideFloor(
      session,
      'beat() from JavaScript by a bare clock_gettime',
      2,
      fromJavaScript(session, 'precise', 1),
    ),
    await besideFloor(
      session,
      '  same, eight heartbeats at one call site',
      undefined,
      fromJavaScript(session, 'precise', 8),
    ),
  ]
}

export async function coarse(session: Session): Promise<Row[]> {
  return [
    await besideFloor(session, 'beat() from JavaScript, coarse clock', 1.2, fromJavaScript(session, 'coarse', 1)),
    await besideFloor(
      session,
      '  same, eight heartbeats at one call site',
      undefined,
      fromJavaScript(session, 'coarse', 8),
    ),
  ]
}

export async function cpp(session: Session): Promise<Row[]> {
  const sample = async () => Number(await session.runHelper('cpp_beat', [200, callsPerChunk, session.newRegion()]))
  return [await besideFloor(session, 'beat() from C++', 1.25, sample)]
}
