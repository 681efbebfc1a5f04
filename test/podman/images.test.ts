import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath, probePath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import {
  buildImages,
  filesOf,
  images,
  podman,
  podmanDid,
  sharedFolder,
  useImages,
  whyNoPodman,
} from '../support/podman.js'

useImages()

/** What a restricted container may do: nothing. */
const restricted = ['--read-only', '--cap-drop', 'all', '--security-opt', 'no-new-privileges']

function configOf(image: string): { User: string; Entrypoint: string[] } {
  return JSON.parse(podmanDid(['image', 'inspect', '--format', '{{json .Config}}', image]))
}

describe.skipIf(whyNoPodman !== undefined)('the image of the executables', () => {
  it('holds them, a module and an addon for Node.js, and nothing else: no shell, no libc', () => {
    expect(filesOf(images.programs)).toEqual(['auto.mjs', 'auto.node', 'shm-guard', 'shm-probe'])
  })

  it('names a user by number, so that runAsNonRoot admits it', () => {
    expect(configOf(images.programs)).toMatchObject({ User: '65532:65532', Entrypoint: ['/shm-probe'] })
  })

  it('tests itself if nothing else is said, also in a restricted container', () => {
    expect(podman(['run', '--rm', ...restricted, images.programs])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^shm-probe \S+: self-test passed\n$/),
    })
  })

  it('installs all, byte for byte and executable for all, and again over what is there', () => {
    const target = sharedFolder('installed')
    const install = ['run', '--rm', ...restricted, '-v', `${target}:/target`, images.programs, '--install', '/target']
    for (let time = 0; time < 2; time++) expect(podman(install)).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(target).sort()).toEqual(['auto.mjs', 'auto.node', 'shm-guard', 'shm-probe'])
    for (const [name, path] of [['shm-probe', probePath()] as const, ['shm-guard', guardPath()] as const]) {
      expect(statSync(join(target, name)).mode & 0o777).toBe(0o755)
      expect(readFileSync(join(target, name)).equals(readFileSync(path))).toBe(true)
    }
    expect(execFileSync(join(target, 'shm-guard'), ['--version'], { encoding: 'utf8' })).toMatch(/^shm-guard /)
  })

  it('says what is in the way of an install, and fails', () => {
    const target = sharedFolder('read-only')
    const install = (options: string, directory = '/target') =>
      podman(['run', '--rm', '-v', `${target}:/target:${options}`, images.programs, '--install', directory])
    expect(install('ro')).toMatchObject({ code: 3, stderr: expect.stringContaining('cannot copy into /target') })
    expect(install('noexec')).toMatchObject({ code: 3, stderr: expect.stringContaining('noexec') })
    expect(install('rw', '/none')).toMatchObject({ code: 3, stderr: expect.stringContaining('cannot open /none') })
  })

  it('is the guard, too', () => {
    const guard = ['run', '--rm', '--entrypoint', '/shm-guard', images.programs]
    expect(podman([...guard, '--', '/shm-probe', '--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^shm-probe /),
    })
  })
})

describe.skipIf(whyNoPodman !== undefined)('the image of the sample worker', () => {
  it('holds one static program, and names a user by number', () => {
    expect(filesOf(images.worker)).toEqual(['sample-worker'])
    expect(configOf(images.worker)).toMatchObject({ User: '65532:65532', Entrypoint: ['/sample-worker'] })
  })

  it('does what its script says', () => {
    const run = (script: string) => podman(['run', '--rm', '-e', `SAMPLE_WORKER_SCRIPT=${script}`, images.worker])
    const done = run('ready,beat:20ms,exit:7')
    expect(done.code).toBe(7)
    expect(done.stdout.replaceAll(/^\d{13} /gm, '')).toBe('claimed by uid 65532, pid 1\nready\nbeat 20ms\nexit 7\n')
    expect(run('fly')).toMatchObject({ code: 2, stderr: 'sample-worker: no step: "fly"\n' })
  })
})

describe.skipIf(whyNoPodman !== undefined)('npm run images', () => {
  it('writes both into one archive, under the names that nodes are to know', () => {
    const archive = join(sharedFolder('archive'), 'images.tar')
    for (let time = 0; time < 2; time++) expect(buildImages('--save', archive)).toMatchObject({ code: 0 })
    const manifest = execFileSync('tar', ['--extract', '--to-stdout', '--file', archive, 'manifest.json'])
    const tags = (JSON.parse(String(manifest)) as { RepoTags: string[] }[]).flatMap(({ RepoTags }) => RepoTags)
    expect(tags.sort()).toEqual([images.worker, images.programs].sort())
  })

  it('says how it is used', () => {
    expect(buildImages('--push')).toMatchObject({ code: 2, stderr: expect.stringContaining('usage: npm run images') })
  })
})
