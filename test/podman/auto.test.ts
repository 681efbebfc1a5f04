import { beforeAll, describe, expect, it } from 'vitest'
import { play, wired } from '../support/pod.js'
import { useImages, whyNoPodman } from '../support/podman.js'
import { buildImageOf } from '../support/shell-image.js'
import { untilHolds } from '../support/until.js'

useImages()

const image = 'localhost/shm-liveness-node:test'

/** Knows nothing of heartbeats. */
const program = `process.once('SIGUSR2', function block() { for (;;) ; })
setInterval(() => {}, 1e6)`

describe.skipIf(whyNoPodman !== undefined)('a pod of a Node.js program that nobody changed', () => {
  beforeAll(() => buildImageOf(image, { '/bin/node': process.execPath }))

  it('passes all three checks once it is wired with --auto, and stalls where it is blocked', async () => {
    const env = [
      { name: 'SHM_LIVENESS_MAX_AGE', value: '2s' },
      { name: 'NODE_OPTIONS', value: '--no-warnings' },
    ]
    const securityContext = { runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
    const container = { name: 'web', image, command: ['/bin/node', '--eval', program], env, securityContext }
    const web = play(wired([container], ['--auto']))('web')
    await web.untilAnswers('pass pass pass')
    await untilHolds(
      'its start is over',
      () => web.exec(['/shm-liveness/shm-probe', '--verbose']).stdout,
      (text) => !text.includes('in phase "start"'),
    )
    web.signal('USR2')
    await web.untilAnswers('stalled stalled stalled')
    expect(web.record()).toMatch(/^stalled: event-loop last beat \S+ ago \(limit 2s\) at block \(/)
  })
})
