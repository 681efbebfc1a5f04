import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Session } from '../support/session.js'
import { ratioText, spreadOf, spreadText } from '../support/statistics.js'
import { atMost, type Row } from '../table.js'

const root = dirname(fileURLToPath(import.meta.resolve('shm-liveness/package.json')))
const program = join(root, 'bench/programs/python_beat.py')
/** The bar of the issue; an absolute figure, because a call in Python has no floor of its own. */
const limitNs = 1000

/** Clock, beat and counted beat of each sample, each sample in a process of its own. */
async function samples(session: Session): Promise<[clock: number, beat: number, count: number][]> {
  const found: [number, number, number][] = []
  for (let sample = 0; sample < (session.quick ? 3 : 11); sample++) {
    const run = ['python3', program, session.newRegion(), '200', '2000']
    const output = await session.run('env', [`PYTHONPATH=${join(root, 'python/src')}`, ...run])
    found.push(output.trim().split(' ').map(Number) as [number, number, number])
  }
  return found
}

export async function python(session: Session): Promise<Row[]> {
  const found = await samples(session)
  const medianOf = (index: 0 | 1 | 2): number => spreadOf(found.map((sample) => sample[index])).median
  const [clock, beat, count] = [medianOf(0), medianOf(1), medianOf(2)]
  const byClock = (index: 1 | 2): Pick<Row, 'measured' | 'spread'> => {
    const ratios = spreadOf(found.map((sample) => sample[index] / sample[0]))
    return { measured: ratioText(ratios.median), spread: spreadText(ratios) }
  }
  return [
    {
      what: 'beat() from Python by time.monotonic_ns()',
      ...byClock(1),
      figures: `${beat.toFixed(0)} ns by ${clock.toFixed(0)} ns`,
      bar: { ...atMost(limitNs, beat), text: `<= ${limitNs} ns` },
    },
    {
      what: '  same, counted in a memoryview that a thread stamps',
      ...byClock(2),
      figures: `${count.toFixed(0)} ns by ${clock.toFixed(0)} ns`,
    },
  ]
}
