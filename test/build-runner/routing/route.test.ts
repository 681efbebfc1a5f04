import { describe, expect, it } from 'vitest'
import { type Route, route } from '../../../examples/kata-build-runner/routing/route.js'
import { build, config, leastBuild, refusal } from '../config/samples.js'

const of = (image: string, more = '', id = 'b1') => build(more, leastBuild.replace('node:20', image).replace('b1', id))
const toward = (executor: string): string => `annotations: {screwdriver.cd/executor: "${executor}"}`
const chosen = ({ executor, why }: Route): [string, string] => [executor.name, why]

describe("a build's annotation", () => {
  const executors = config('executor: {plugin: k8s, k8s: {weightage: 100}, kata: {exclusion: [rhel6]}}')

  it('goes before weights', () => {
    expect(chosen(route(of('node:20', toward('kata')), executors))).toEqual(['kata', "the build's annotation names it"])
  })

  it('goes before exclusions, as in the original, and that is said', () => {
    const { executor, why } = route(of('rhel6', toward('kata')), executors)
    expect([executor.name, why]).toEqual(['kata', "the build's annotation names it, although it excludes /rhel6/"])
  })

  it('names an executor of the config; the original went on as if nothing had been asked', () => {
    const error = refusal(() => route(of('node:20', toward('kats')), executors))
    expect([error.code, error.exitCode]).toEqual(['BUILD_INVALID', 2])
    expect(error.message).toContain('"kats"')
    expect(error.remedy).toContain('did you mean "kata"?')
  })

  it.each(['', 'constructor', '__proto__'])('does not find %j', (name) => {
    expect(refusal(() => route(of('node:20', toward(name)), executors)).code).toBe('BUILD_INVALID')
  })
})

describe('an exclusion', () => {
  const excluding = (pattern: string) =>
    config(`executor: {plugin: kata, kata: {exclusion: ['${pattern}']}, plain: {}}`)
  const isExcluded = (pattern: string, image: string): boolean =>
    route(of(image), excluding(pattern)).executor.name === 'plain'

  it.each([
    ['rhel6', 'rhel6'],
    ['rhel6', 'registry.example:5000/screwdriver/rhel6-build:1'],
    ['rhel6', 'node:20-rhel6'],
    ['RHEL6', 'example/rhel6:RHEL6'],
    ['rhel6', 'example/base:RHEL6'],
    ['rhel.6', 'example/rhel-6'],
    ['^node', 'node:20'],
    [':20$', 'node:20'],
    ['rhel6*', 'rhel7'],
    ['centos:[56]', 'centos:6'],
  ])('/%s/ excludes %s', (pattern, image) => expect(isExcluded(pattern, image)).toBe(true))

  it.each([
    ['rhel6', 'rhel7'],
    ['rhel6', 'rhel-6'],
    ['^rhel6', 'example/rhel6'],
    ['rhel6$', 'rhel6:1'],
    ['rhel\\.6', 'rhel-6'],
  ])('/%s/ does not exclude %s', (pattern, image) => expect(isExcluded(pattern, image)).toBe(false))

  it('is the same each time that it is asked', () => {
    const executors = excluding('rhel6')
    for (let time = 0; time < 4; time++) expect(route(of('rhel6'), executors).executor.name).toBe('plain')
  })

  it('counts for the default, too, and says which executor it left out', () => {
    expect(chosen(route(of('rhel6'), excluding('rhel6')))).toEqual([
      'plain',
      'the first that takes the image; the image excludes it from kata',
    ])
  })

  it('of all executors leaves none, and says by which pattern', () => {
    const all = config('executor: {kata: {exclusion: [rhel, rhel6]}, plain: {exclusion: ["6$"]}}')
    const error = refusal(() => route(of('rhel6'), all))
    expect([error.code, error.exitCode]).toEqual(['BUILD_INVALID', 2])
    expect(error.message).toContain('kata by /rhel/, plain by /6$/')
    expect(error.remedy).toContain('screwdriver.cd/executor')
  })
})

describe('weights', () => {
  const executors = config(
    'executor: {plugin: k8s, k8s: {weightage: 75}, kata: {weightage: 25, exclusion: [rhel6]}, off: {}}',
  )
  const ids = Array.from({ length: 2000 }, (_, index) => `build-${index}`)
  const share = (image: string, name: string): number => {
    const build = of(image)
    return ids.filter((id) => route({ ...build, id }, executors).executor.name === name).length / ids.length
  }

  it('are shares of the builds', () => {
    expect(share('node:20', 'kata')).toBeGreaterThan(0.2)
    expect(share('node:20', 'kata')).toBeLessThan(0.3)
    expect(share('node:20', 'off')).toBe(0)
  })

  it('are shares of what an exclusion leaves', () => {
    expect(share('rhel6', 'k8s')).toBe(1)
  })

  it('give the same build the same executor each time', () => {
    for (const id of ids.slice(0, 50)) {
      expect(route(of('node:20', '', id), executors).executor.name).toBe(
        route(of('a', '', id), executors).executor.name,
      )
    }
  })

  it('of 0 are none at all, also for the first', () => {
    const one = config('executor: {plugin: off, off: {}, on: {weightage: 1}}')
    for (const id of ids.slice(0, 50)) expect(route(of('a', '', id), one).executor.name).toBe('on')
  })

  it('say what they are of', () => {
    expect(route(of('rhel6'), executors).why).toBe('weight 75 of 75; the image excludes it from kata')
  })

  it('that are all 0 leave it to the plugin', () => {
    const none = config('executor: {plugin: kata, k8s: {}, kata: {}}')
    for (const id of ids.slice(0, 50)) expect(chosen(route(of('a', '', id), none))).toEqual(['kata', 'the default'])
  })
})

describe('a route', () => {
  const text = `
executor:
  kata:
    options:
      kubernetes:
        runtimeClass: kata
        kernelParameters:
          - {images: ['centos:?6', rhel6], parameters: [vsyscall=emulate, init=/usr/bin/kata-agent]}
          - {images: [rhel], parameters: [vsyscall=emulate, quiet]}`

  it("has the executor's runtime class, or the build's own", () => {
    expect(route(of('node:20'), config(text)).runtimeClass).toBe('kata')
    const more = text.replace('runtimeClass: kata', 'runtimeClass: kata\n        runtimeClasses: [kata-clh]')
    expect(route(of('node:20', 'runtimeClass: kata-clh'), config(more)).runtimeClass).toBe('kata-clh')
    expect(route(of('node:20'), config()).runtimeClass).toBeUndefined()
  })

  it('has the kernel parameters of every rule that the image matches, each once', () => {
    expect(route(of('centos6'), config(text)).kernelParameters).toEqual([
      'vsyscall=emulate',
      'init=/usr/bin/kata-agent',
    ])
    expect(route(of('rhel6'), config(text)).kernelParameters).toEqual([
      'vsyscall=emulate',
      'init=/usr/bin/kata-agent',
      'quiet',
    ])
    expect(route(of('node:20'), config(text)).kernelParameters).toEqual([])
  })
})
