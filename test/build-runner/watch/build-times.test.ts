import { describe, expect, it } from 'vitest'
import { buildTimes } from '../../../examples/kata-build-runner/watch/build-times.js'
import {
  event,
  image,
  inBuild,
  inInstaller,
  installed,
  observed,
  of,
  pod,
  podInitializing,
  success,
  terminated,
} from './shapes.js'

const pulled =
  (message: string, container = inBuild) =>
  () =>
    event('Pod', 'Pulled', message, { container, type: 'Normal' })

describe('the times of a build', () => {
  it('are the spans of the article: until the start, and until the end', () => {
    const seen = observed({
      pod: pod({ phase: 'Succeeded', installer: installed, build: terminated(0, 'Completed', success) }),
    })
    expect(buildTimes(seen)).toEqual({
      times: {
        created: '2026-11-24T10:00:00.000Z',
        scheduled: '2026-11-24T10:00:05.000Z',
        started: '2026-11-24T10:00:30.000Z',
        ended: '2026-11-24T10:05:00.000Z',
      },
      setUpMs: 30_000,
      overallMs: 300_000,
    })
  })

  it('leave out what never was', () => {
    const build = terminated(128, 'StartError', 'exec format error', '1970-01-01T00:00:00Z')
    expect(buildTimes(observed({ pod: pod({ installer: installed, build }) }))).not.toHaveProperty('setUpMs')
    expect(Object.keys(buildTimes(observed({ pod: pod({ node: null, build: podInitializing }) })).times)).toEqual([
      'created',
    ])
  })

  it("say whether the node had the build's image, not the installer's", () => {
    const cached = (...events: (() => ReturnType<typeof event>)[]) =>
      buildTimes(observed({ pod: pod(), events: of(...events) })).imageCached
    const own = pulled('Container image "registry.example/shm-liveness:1" already present on machine', inInstaller)
    expect(
      cached(
        own,
        pulled(`Successfully pulled image "${image}" in 21.4s (21.4s including waiting). Image size: 1 bytes.`),
      ),
    ).toBe(false)
    expect(cached(pulled(`Container image "${image}" already present on machine`))).toBe(true)
    expect(cached(own)).toBeUndefined()
  })
})
