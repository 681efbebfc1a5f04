import fc from 'fast-check'
import { expect, it } from 'vitest'
import { liveThrough, problemsOf, worldOf } from './world.js'

const livesOfWorld = 20
/** `LIVES=10000 npx vitest run …` is the long form: CONTRIBUTING.md. */
const lives = Number(process.env['LIVES'] ?? 200)
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }

it(`in ${lives} lives no running build is deleted or started twice, and no byte is lost unsaid`, async () => {
  const property = fc.asyncProperty(worldOf(livesOfWorld), async (world) => {
    expect(problemsOf(await liveThrough(world))).toEqual([])
  })
  await fc.assert(property, { numRuns: Math.ceil(lives / livesOfWorld), ...seed })
}, 3_600_000)
