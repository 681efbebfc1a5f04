/** The run as a whole, as `npm run test:cluster` starts it, on an API server of our own: how it fails, and is ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import { type Behaviour, FakeApiServer } from '../support/fake-api-server.js'

const root = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-run-'))
const kubeconfig = join(folder, 'kubeconfig')

let server: FakeApiServer
let child: ChildProcess
let output = ''

async function start(behaviour: Behaviour, env: Record<string, string> = {}): Promise<void> {
  server = await FakeApiServer.start(behaviour)
  writeFileSync(kubeconfig, server.kubeconfig)
  output = ''
  const vitest = join(root, 'node_modules/.bin/vitest')
  const args = ['run', '--config', 'vitest.cluster.config.ts', 'test/cluster/installer.test.ts']
  child = spawn(vitest, args, {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', KUBECONFIG: kubeconfig, SHM_LIVENESS_NAMESPACE_PREFIX: 'mine', ...env },
    detached: true, // a process group of its own, as a terminal's foreground has
  })
  child.stdout?.on('data', (data) => (output += data))
  child.stderr?.on('data', (data) => (output += data))
}

function signal(name: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), name)
  } catch {} // gone already
}

afterEach(async () => {
  signal('SIGKILL')
  await server.stop()
  rmSync(kubeconfig, { force: true })
})

describe('a run on a cluster', () => {
  it('fails with all that is needed to see why, and leaves no namespace', async () => {
    const waiting = { reason: 'ErrImagePull', message: 'no such image' }
    const camera = { name: 'camera', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting } }
    await start({
      status: () => ({ phase: 'Pending', containerStatuses: [camera] }),
      events: [{ type: 'Warning', reason: 'Failed', message: 'cannot pull', metadata: {} }],
    })
    const [code] = await once(child, 'close')
    expect(code, output).toBe(1)
    for (const text of [
      'Kubernetes v1.36.0-fake',
      'ErrImagePull: no such image',
      'npm run images',
      'Warning Failed: cannot pull',
      '----- manifest -----',
      'deleted: mine-installer-',
    ]) {
      expect(output).toContain(text)
    }
    expect([...server.namespaces.keys()]).toEqual([])
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('that is ended by %s leaves no namespace', async (name) => {
    await start({})
    await eventually(
      () => server.pods.size,
      (pods) => pods > 0,
      20_000,
    )
    expect([...server.namespaces.keys()], output).toHaveLength(1)
    signal(name)
    await once(child, 'close')
    expect(output).toContain('deleted: mine-installer-')
    expect([...server.namespaces.keys()]).toEqual([])
  })

  it('says what is wrong with the cluster before it begins', async () => {
    await start(
      { refuse: (_method, path) => (path.includes('runtimeclasses') ? { status: 404, message: 'no' } : undefined) },
      {
        SHM_LIVENESS_RUNTIME_CLASS: 'kata-qemu',
      },
    )
    const [code] = await once(child, 'close')
    expect(code).toBe(1)
    expect(output).toContain('the cluster has no such RuntimeClass')
    expect([...server.namespaces.keys()]).toEqual([])
  })
})
