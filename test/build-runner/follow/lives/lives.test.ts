import fc from 'fast-check'
import { expect, it } from 'vitest'
import { liveThrough, problemsOf, worldOf } from './world.js'

const livesOfWorld = 20
/** `LIVES=10000 npx vitest run …` is the long form, with other lives each time: CONTRIBUTING.md. */
const { LIVES, SEED = LIVES === undefined ? '1' : undefined } = process.env
const lives = Number(LIVES ?? 200)
/** A life takes a fifth of a second, on a crowded machine ten times that. */
const limitMs = 120_000 + lives * 2_000
const seed = SEED === undefined ? {} : { seed: Number(SEED) }

it(
  `in ${lives} lives no running build is deleted or started twice, and no byte is lost unsaid`,
  async () => {
    const property = fc.asyncProperty(worldOf(livesOfWorld), async (world) => {
      expect(problemsOf(await liveThrough(world))).toEqual([])
    })
    await fc.assert(property, { numRuns: Math.ceil(lives / livesOfWorld), ...seed })
  },
  limitMs,
)
