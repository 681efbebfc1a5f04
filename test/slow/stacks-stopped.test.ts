import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { workersOf } from '../support/workers.js'

/** Half of this is more than a machine at load 16 keeps the worker from its beat, and less than the stop. */
const maxAgeMs = 4_000

it('a process that was stopped and goes on has no place in code', async () => {
  const region = uniqueRegion()
  const folder = scriptFolder({
    'main.mjs': `import { claim } from './claim.mjs'
const heartbeat = claim('worker', { maxAge: ${maxAgeMs} })
console.log('beats')
for (;;) {
  heartbeat.beat()
  for (const end = performance.now() + 300; performance.now() < end; ) ;
}`,
  })
  const program = Program.run(process.execPath, [join(folder, 'main.mjs')], { SHM_LIVENESS_REGION: region })
  await program.said('beats')
  program.send('SIGSTOP')
  await sleep(maxAgeMs * 0.75)
  program.send('SIGCONT')
  await sleep(1_000)
  expect(workersOf(region)).toMatchObject({ worker: { where: null } })
})
