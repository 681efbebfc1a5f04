import { describe, expect, it } from 'vitest'
import { config, configRefusal, kubernetes, refusal, sampleOf } from './samples.js'

const first = (text: string) => config(text).executors.get('k8s')

describe('a config', () => {
  it("is the article's block, key for key", () => {
    const { plugin, executors } = config(sampleOf('executor.yaml'))
    expect(plugin).toBe('k8s')
    expect([...executors.keys()]).toEqual(['k8s'])
    expect(executors.get('k8s')).toMatchObject({
      name: 'k8s',
      exclusion: [/rhel6/i],
      weightage: 0,
      kubernetes: {
        host: 'kubernetes.default',
        privileged: false,
        automountServiceAccountToken: false,
        dockerFeatureEnabled: false,
        resources: {
          cpu: { micro: 0.5, low: 2, high: 6, turbo: 12 },
          memory: { micro: 1, low: 2, high: 12, turbo: 16 },
        },
        buildTimeout: 90,
        maxBuildTimeout: 120,
        nodeSelectors: { dedicated: 'screwdriver-kata' },
        preferredNodeSelectors: {},
        annotations: {},
        runtimeClass: 'kata',
      },
      fusebox: { breaker: { timeout: 10_000 } },
      requestretry: { retryDelay: 3000, maxAttempts: 5 },
    })
  })

  it("has the article's values, and no class and no host, where nothing is said", () => {
    const said = config(sampleOf('executor.yaml')).executors.get('k8s')
    const { host: _, runtimeClass: __, nodeSelectors: ___, ...options } = said?.kubernetes ?? ({} as never)
    expect(first('executor: {k8s: {}}')).toEqual({
      ...said,
      exclusion: [],
      kubernetes: { ...options, nodeSelectors: {} },
    })
  })

  it('is valid with what the sample has commented out, which are the defaults', () => {
    const sample = sampleOf('executor.yaml')
    const uncommented = sample
      .replace(/^( {8})# (?=[a-zA-Z]+:( |$))/gm, '$1')
      .replace(/^( {8})# ( +(?:- images|parameters):)/gm, '$1$2')
    expect(uncommented).not.toBe(sample)
    const { kernelParameters, queue, ...others } = first(uncommented)?.kubernetes ?? ({} as never)
    const { kernelParameters: _, queue: __, ...defaults } = first(sample)?.kubernetes ?? ({} as never)
    expect(others).toEqual(defaults)
    expect(queue).toBe('builds')
    expect(kernelParameters).toEqual([
      { images: [/centos:?6/i], parameters: ['vsyscall=emulate', 'init=/usr/bin/kata-agent'] },
    ])
  })

  it('has several executors side by side, in their order; without a plugin the first is the default', () => {
    const { plugin, executors } = config('executor: {k8s-kata: {weightage: 10}, k8s: {weightage: 90}}')
    expect(plugin).toBe('k8s-kata')
    expect([...executors.values()].map(({ name, weightage }) => [name, weightage])).toEqual([
      ['k8s-kata', 10],
      ['k8s', 90],
    ])
  })

  it('may share a block by an alias', () => {
    const text = 'executor:\n  k8s: &k {options: {kubernetes: {host: a}}}\n  other: *k\n'
    expect(config(text).executors.get('other')?.kubernetes.host).toBe('a')
  })

  it('has no class where its name is empty, as in the original', () => {
    expect(first(kubernetes("runtimeClass: ''"))?.kubernetes.runtimeClass).toBeUndefined()
  })

  it('reads durations into milliseconds', () => {
    const options = first(
      kubernetes('stageTimeouts: {created: 2h, pulling: 1m30s}', 'terminationGracePeriod: 1m'),
    )?.kubernetes
    expect(options?.stageTimeouts).toEqual({
      createdMs: 7_200_000,
      queuedMs: 1_800_000,
      pullingMs: 90_000,
      initMs: 180_000,
      startingMs: 180_000,
    })
    expect(options?.terminationGracePeriodMs).toBe(60_000)
  })
})

describe('a config is refused', () => {
  it('with status 2, every problem with its line and path, and a remedy', () => {
    const lines = [
      'buildTimout: 3',
      'privileged: yes',
      'resources: {cpu: {low: x, hi: 3, high: -1}}',
      'runtimeClass: 5',
      'nodeSelectors:',
      'stageTimeouts: {created: 5}',
    ]
    const error = refusal(() => config(kubernetes(...lines)))
    expect([error.code, error.exitCode]).toEqual(['CONFIG_INVALID', 2])
    expect(error.remedy).toContain('docs/executor-config.md')
    const at = 'executor.k8s.options.kubernetes'
    expect(error.message.split('\n')).toEqual([
      `executor.yaml:5: ${at}.buildTimout: unknown key; did you mean "buildTimeout"?`,
      `executor.yaml:6: ${at}.privileged: must be true or false, and is text`,
      `executor.yaml:7: ${at}.resources.cpu.low: must be a number of cores from 0.01 to 1024`,
      `executor.yaml:7: ${at}.resources.cpu.high: must be a number of cores from 0.01 to 1024`,
      `executor.yaml:7: ${at}.resources.cpu.hi: unknown key; there are micro, low, high, turbo`,
      expect.stringMatching(
        /:8: \S+runtimeClass: must be a RuntimeClass's name, or empty text for none, and is a number$/,
      ),
      `executor.yaml:9: ${at}.nodeSelectors: must be a map of labels, and is empty`,
      expect.stringMatching(/:10: \S+stageTimeouts.created: must be a duration with its unit.*, and is a number$/),
    ])
  })

  it.each([
    [
      "the original's misspelling",
      'executor: {k8s: {exclusions: [a]}}',
      'executor.k8s.exclusions: unknown key; did you mean "exclusion"?',
    ],
    [
      'a plugin that is not there',
      'executor: {plugin: kbs, k8s: {}}',
      'executor.plugin: names no executor that is here; did you mean "k8s"?',
    ],
    [
      'a misspelt plugin',
      'executor: {plugn: k8s, k8s: {}}',
      'executor.plugn: must be an executor: a map (the only other key here is "plugin"), and is text',
    ],
    ['no executor', 'executor: {}', 'executor: has no executor'],
    ['an empty block', 'executor:', 'executor: must be a map, and is empty'],
    ['a list', '[executor]', 'must be a map, and is a list'],
    ['another block', 'executor: {k8s: {}}\nexecuter: {}', 'executer: unknown key; did you mean "executor"?'],
    ['a name that is no label', 'executor: {a b: {}}', 'executor["a b"]: is no executor\'s name'],
    [
      'a default beyond the most',
      kubernetes('buildTimeout: 121'),
      'buildTimeout: is 121 minutes, more than maxBuildTimeout (120)',
    ],
    ['no TLS', kubernetes('host: http://kubernetes.default'), 'host: must be a host, host:port or https:// URL'],
    ['a token', kubernetes('token: abc'), 'kubernetes.token: unknown key'],
    ['the guard left no time', kubernetes('terminationGracePeriod: 9s'), 'terminationGracePeriod: must be a duration'],
    ["the runner's annotation", kubernetes('annotations: {shm-liveness/nonce: x}'), "is the runner's own"],
    [
      'kernel parameters in two places',
      kubernetes('annotations: {io.katacontainers.config.hypervisor.kernel_params: x}'),
      'is made of kernelParameters',
    ],
    [
      'kernel parameters in one text',
      kubernetes('kernelParameters: [{images: [a], parameters: ["a b"]}]'),
      'parameters[0]: must be one kernel parameter',
    ],
    [
      'a rule for no image',
      kubernetes('kernelParameters: [{images: [], parameters: [a]}]'),
      'images: has no pattern; "." is every image',
    ],
    [
      'a label that is no text',
      kubernetes('nodeSelectors: {dedicated: true}'),
      "nodeSelectors.dedicated: must be a label's value",
    ],
    [
      'a label that is too long',
      kubernetes(`nodeSelectors: {dedicated: ${'x'.repeat(64)}}`),
      "nodeSelectors.dedicated: must be a label's value",
    ],
    [
      'a tag twice',
      'executor: {k8s: {options: {launchImage: "a:b"}}}',
      'launchImage: has a tag or digest; write the tag as launchVersion',
    ],
    [
      'a tag that YAML reads as a number',
      'executor: {k8s: {options: {launchVersion: 1.10}}}',
      'launchVersion: must be a tag, in quotes',
    ],
    ['half a weight', 'executor: {k8s: {weightage: 0.5}}', 'weightage: must be a whole number'],
  ])('with %s', (_, text, message) => {
    expect(configRefusal(text)).toEqual([expect.stringContaining(message)])
  })

  it.each([
    [
      '*rhel6*',
      'is no regular expression: Invalid regular expression: /*rhel6*/i: Nothing to repeat; it is looked for anywhere',
    ],
    ['(', 'is no regular expression'],
    ['', 'must be a regular expression that is not empty'],
    ['.*', 'matches every image; leave the executor out instead'],
    ['rhel6|', 'matches every image'],
  ])('with the exclusion %j', (pattern, message) => {
    expect(configRefusal(`executor: {k8s: {exclusion: ["${pattern}"]}}`)).toEqual([
      expect.stringContaining(`:1: executor.k8s.exclusion[0]: ${message}`),
    ])
  })
})
