import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const root = join(import.meta.dirname, '../..')
const addon = join(root, 'build/Release/shm_liveness.node')
const fixture = join(root, 'dist-programs/test/fixtures/hangs-and-ends.js')
/**
 * By hand before a release: 10000 in all, and binaries of Node 20, 22 and 24, separated by colons. In parts, each with a
 * first seed of its own.
 */
const captures = Number(process.env['SHM_LIVENESS_TEST_CAPTURES'] ?? 300)
const firstSeed = Number(process.env['SHM_LIVENESS_TEST_SEED'] ?? 1)
const nodes = process.env['SHM_LIVENESS_TEST_NODES']?.split(':') ?? [process.execPath]

const endings = {
  return: { code: 0, signal: null },
  exit: { code: 0, signal: null },
  throw: { code: 1, signal: null },
  kill: { code: null, signal: 'SIGKILL' },
}

/** One process, which some seeds also stop and continue. Gives the number of stacks that it took. */
async function run(node: string, seed: number): Promise<number> {
  const [ending = 'return', expected] = Object.entries(endings)[seed % 4] ?? []
  // Node.js complains if it is ended in the midst of counting coverage.
  const env = { NODE_V8_COVERAGE: '' }
  const program = Program.run(node, [fixture, addon, uniqueRegion(), String(seed), ending], env)
  const stopping = (async () => {
    for (let i = 0; i < 3 && seed % 3 === 0; i++) {
      await Promise.race([sleep(200 + ((seed * 37) % 300)), program.ended])
      for (const signal of ['SIGSTOP', 'SIGCONT'] as const) {
        program.send(signal)
        await sleep((seed * 13) % 120)
      }
    }
  })()
  const taken = Number(await program.said('taken'))
  const ended = await program.ended
  await stopping
  expect({ seed, ending, ...ended, stderr: ending === 'throw' ? '' : program.stderr }).toEqual({
    seed,
    ending,
    ...expected,
    stderr: '',
  })
  return taken
}

describe.each(nodes)('stacks taken in %s', (node) => {
  it(`neither crash nor hang a process, ${captures} times`, { timeout: captures * 1000 + 60_000 }, async () => {
    let seed = firstSeed
    let taken = 0
    const lane = async () => {
      while (taken < captures) taken += await run(node, seed++)
    }
    await Promise.all([lane(), lane()])
    console.log(`${taken} stacks in ${seed - firstSeed} processes`)
  })
})
