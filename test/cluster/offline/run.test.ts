/** The run as a whole, as `npm run test:cluster` starts it, on an API server of our own: how it fails, and is ended. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { until } from '../../support/until.js'
import { Run } from '../support/run.js'

describe('a run on a cluster', () => {
  it('fails with all that is needed to see why, and leaves no namespace', async () => {
    const waiting = { reason: 'ErrImagePull', message: 'no such image' }
    const camera = { name: 'camera', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting } }
    const run = await Run.start('installer', {
      status: () => ({ phase: 'Pending', containerStatuses: [camera] }),
      events: [{ type: 'Warning', reason: 'Failed', message: 'cannot pull', metadata: {} }],
    })
    expect(await run.ended(), run.output).toBe(1)
    for (const text of [
      'Kubernetes v1.36.0-fake',
      'ErrImagePull: no such image',
      'npm run images',
      'Warning Failed: cannot pull',
      '----- manifest -----',
      'deleted: mine-installer-',
    ]) {
      expect(run.output).toContain(text)
    }
    expect([...run.server.namespaces.keys()]).toEqual([])
  })

  it('leaves no namespace, whether SIGINT, SIGTERM or SIGKILL ends it', async () => {
    const endedBy = async (name: NodeJS.Signals) => {
      const run = await Run.start('installer', {})
      await until('a pod', () => run.server.pods.size > 0)
      expect([...run.server.namespaces.keys()], run.output).toHaveLength(1)
      run.signal(name)
      await run.ended()
      expect(run.output, name).toContain('deleted: mine-installer-')
      expect([...run.server.namespaces.keys()], name).toEqual([])
    }
    await Promise.all((['SIGINT', 'SIGTERM', 'SIGKILL'] as const).map(endedBy))
  })

  it('says what is wrong with the cluster before it begins', async () => {
    const run = await Run.start(
      'installer',
      { refuse: (_method, path) => (path.includes('runtimeclasses') ? { status: 404, message: 'no' } : undefined) },
      {
        SHM_LIVENESS_RUNTIME_CLASS: 'kata-qemu',
      },
    )
    expect(await run.ended(), run.output).toBe(1)
    expect(run.output).toContain('the cluster has no such RuntimeClass')
    expect([...run.server.namespaces.keys()]).toEqual([])
  })

  it('of a name that is unknown fails, with the names that there are', () => {
    const script = join(import.meta.dirname, '../../../scripts/test-cluster.mjs')
    const done = spawnSync(process.execPath, [script, 'cost', 'build'], { encoding: 'utf8' })
    expect(done).toMatchObject({
      ...{ status: 2, stdout: '' },
      stderr:
        'test:cluster: unknown name: build. The names are: builds, cost, installer, kubectl, readiness, restarts\n',
    })
  })
})
