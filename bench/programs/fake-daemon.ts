/**
 * `fake-daemon SOCKET BUILDS`: the fake buildkitd with so many builds, each in a step. Says `followed` once somebody reads
 * the progress of each. After `talk` on its standard input each step writes a line a second.
 */
import { createInterface } from 'node:readline'
import { FakeBuildkit } from '../../test/fakes/buildkit/index.js'

const [socket, count] = process.argv.slice(2) as [string, string]
const step = '[build 4/9] RUN npm ci'
const fake = await FakeBuildkit.start({ address: `unix:${socket}` })
const builds = Array.from({ length: Number(count) }, (_, i) => fake.buildOf(`build-${i}`))
for (const build of builds) build.begin(step)

const reading = setInterval(() => {
  if (builds.some(({ reads }) => reads === 0)) return
  clearInterval(reading)
  console.log('followed')
}, 50)

/** Not all in the same moment: the steps of real builds do not know of each other. */
function talk(): void {
  for (const [i, build] of builds.entries()) {
    setTimeout(() => setInterval(() => build.output(step), 1_000), (i * 1_000) / builds.length)
  }
}
createInterface({ input: process.stdin })
  .on('line', talk)
  .on('close', () => process.exit(0))
console.log('listens')
