import { letPass, poke } from './poke.js'
import type { Scene } from './scene.js'

/** Situations that tests of more than one concept need; each has one worker, `grabber`. */

/** A cycle of 160 ms where 150 ms is the limit, and good ones since: on a crowded machine, too. */
export async function late(scene: Scene): Promise<void> {
  const worker = await scene.beating('grabber', { cycleLimit: '150ms' })
  await worker.ask({ do: 'block', ms: 160 })
  await worker.ask({ do: 'beat', times: 5 })
}

/** Stopped by a signal, past the budget of its phase. */
export async function frozenInPhase(scene: Scene): Promise<void> {
  const worker = await scene.beating('grabber')
  await worker.ask({ do: 'phase', name: 'calibrate', budget: '20s' })
  await worker.freeze()
  letPass(scene.region, 60)
}

export async function deadInPhase(scene: Scene): Promise<void> {
  const worker = await scene.beating('grabber')
  await worker.ask({ do: 'phase', name: 'calibrate', budget: '1h' })
  await worker.kill()
}

export async function unreadyInPhase(scene: Scene): Promise<void> {
  const worker = await scene.beating('grabber')
  await worker.ask({ do: 'notReady', status: 'draining' })
  await worker.ask({ do: 'phase', name: 'calibrate', budget: '1h' })
}

export async function fromTheFuture(scene: Scene): Promise<void> {
  await scene.beating('grabber')
  poke(scene.region, 'Hot', 'last_beat_ns', process.hrtime.bigint() + 3_600_000_000_000n)
}
