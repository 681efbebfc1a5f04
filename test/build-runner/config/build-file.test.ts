import { describe, expect, it } from 'vitest'
import { build, buildRefusal, leastBuild, refusal, sampleOf } from './samples.js'

const steps = (json: string): string => `id: b1\nimage: node:20\nsteps:\n${json}`
const stepsRefusal = (json: string): string[] => buildRefusal('', steps(json))

describe('a build file', () => {
  it('has defaults for all but id, image and steps', () => {
    expect(build()).toEqual({
      id: 'b1',
      image: 'node:20',
      steps: [{ name: 'test', argv: ['npm', 'test'] }],
      environment: {},
      secretEnvironment: [],
      tier: { cpu: 'low', memory: 'low', disk: 'low' },
      annotations: {},
      user: 1000,
    })
  })

  it('is read with every key', () => {
    const more = [
      'environment: {CI: "true", TOKEN: {secret: tokens, key: npm.token}, EMPTY: ""}',
      'secretEnvironment: [NPM_TOKEN]',
      'tier: {cpu: turbo, disk: micro}',
      'annotations: {screwdriver.cd/executor: k8s, example.com/team: blue}',
      'timeout: 45',
      'runtimeClass: kata-qemu',
      'user: 0',
      'queue: builds',
    ]
    expect(build(more.join('\n'))).toMatchObject({
      environment: { CI: 'true', TOKEN: { secret: 'tokens', key: 'npm.token' }, EMPTY: '' },
      secretEnvironment: ['NPM_TOKEN'],
      tier: { cpu: 'turbo', memory: 'low', disk: 'micro' },
      annotations: { 'screwdriver.cd/executor': 'k8s', 'example.com/team': 'blue' },
      timeout: 45,
      runtimeClass: 'kata-qemu',
      user: 0,
      queue: 'builds',
    })
  })

  it('is valid as the sample has it', () => {
    expect(build('', sampleOf('build.yaml')).steps.map(({ name }) => name)).toEqual(['install', 'build', 'test'])
  })

  it('takes one tier for all three', () => {
    expect(build('tier: high').tier).toEqual({ cpu: 'high', memory: 'high', disk: 'high' })
  })

  it('is refused with status 2, every problem with its line and path, and a remedy', () => {
    const error = refusal(() => build('timeout: 1.5\nqueu: x\nenvironment: {A: 5}\ntier: {cpu: big}\n'))
    expect(error.code).toBe('BUILD_INVALID')
    expect(error.exitCode).toBe(2)
    expect(error.remedy).toContain('docs/build-file.md')
    expect(error.message.split('\n')).toEqual([
      'build.yaml:4: timeout: must be a whole number of minutes from 1 to 10080',
      'build.yaml:5: queu: unknown key; did you mean "queue"?',
      'build.yaml:6: environment.A: must be text, in quotes where YAML would read something else, or {secret, key}, and is a number',
      'build.yaml:7: tier.cpu: must be micro, low, high or turbo',
    ])
  })

  it('names what is missing', () => {
    expect(buildRefusal('', 'user: 5')).toEqual([
      expect.stringMatching(/:1: id: .* is missing$/),
      expect.stringMatching(/:1: image: .* is missing$/),
      expect.stringMatching(/:1: steps: .* is missing$/),
    ])
  })

  it('never shows a value: a password may stand in the wrong place', () => {
    const error = refusal(() => build('environment: {A: {secret: 12345}, B: [hunter2]}\nuser: hunter2\ntier: hunter2'))
    expect(error.message.split('\n')).toHaveLength(5)
    expect(error.message).not.toMatch(/12345|hunter2/)
  })

  it('shows no control characters of the file', () => {
    const [line] = buildRefusal('"\\e[31mred\\n\\u009b": 1')
    expect(line).not.toMatch(/\p{Cc}/u)
  })

  it('lists the first twenty problems, and how many there are more', () => {
    const lines = buildRefusal(Array.from({ length: 30 }, (_, index) => `zzzzzz${index}: 1`).join('\n'))
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('and 10 more')
  })
})

describe('the id of a build', () => {
  it.each(['a', 'build-7', '7', 'a'.repeat(50)])('may be %s', (id) => {
    expect(build('', leastBuild.replace('b1', `"${id}"`)).id).toBe(id)
  })

  it.each(['', 'a'.repeat(51), 'A', 'a_b', '-a', 'a-', 'a.b', 'ä', 'a b'])('cannot be %j', (id) => {
    expect(buildRefusal('', leastBuild.replace('b1', `"${id}"`))).toEqual([expect.stringContaining(':1: id: must be')])
  })
})

describe('steps', () => {
  const refused: [string, string, string][] = [
    ['none', '  []', 'steps: has no step'],
    ['no name', '  - argv: [a]', 'steps[0].name: must be one line of 1 to 63 bytes, and is missing'],
    ['neither argv nor shell', '  - name: a', 'steps[0]: has "argv" or "shell": one of them'],
    ['both', '  - {name: a, argv: [a], shell: a}', 'steps[0]: has "argv" or "shell": one of them'],
    ['an empty argv', '  - {name: a, argv: []}', 'steps[0].argv: names no program'],
    ['an empty program', '  - {name: a, argv: [""]}', 'steps[0].argv: names no program'],
    ['an empty line', '  - {name: a, shell: " "}', 'steps[0].shell: is empty'],
    ['a command that is no list', '  - {name: a, argv: npm test}', 'must be a list of words'],
    ['a number among the words', '  - {name: a, argv: [sleep, 5]}', 'steps[0].argv[1]: must be text'],
    ['a name of two lines', '  - {name: "a\\nb", argv: [a]}', 'steps[0].name: must be one line'],
    ['a name of 64 bytes', `  - {name: ${'ä'.repeat(32)}, argv: [a]}`, 'steps[0].name: must be one line'],
    ['a NUL', '  - {name: a, argv: ["a\\0"]}', 'steps[0].argv[0]: holds a NUL'],
    ['half a surrogate pair', '  - {name: a, shell: "\\ud800"}', 'steps[0].shell: holds a NUL, or half a surrogate'],
    [
      'a number as a duration',
      '  - {name: a, argv: [a], timeLimit: 5}',
      'steps[0].timeLimit: must be a duration with its unit',
    ],
    ['no time at all', '  - {name: a, argv: [a], silenceBudget: 0s}', 'steps[0].silenceBudget: must be a duration'],
    ['units in the wrong order', '  - {name: a, argv: [a], timeLimit: 5s1m}', 'steps[0].timeLimit: must be a duration'],
    ['a misspelt key', '  - {name: a, argv: [a], timelimit: 5s}', 'unknown key; did you mean "timeLimit"?'],
    [
      'a word longer than Linux takes',
      `  - {name: a, shell: "${'x'.repeat(131_072)}"}`,
      'steps[0].shell: must be text of up to',
    ],
  ]
  it.each(refused)('are refused with %s', (_, json, message) => {
    expect(stepsRefusal(json)).toEqual([expect.stringContaining(message)])
  })

  it('are at most 256', () => {
    const step = (index: number): string => `  - {name: s${index}, argv: ["true"]}\n`
    const some = (count: number): string => Array.from({ length: count }, (_, index) => step(index)).join('')
    expect(build('', steps(some(256))).steps).toHaveLength(256)
    expect(stepsRefusal(some(257))).toEqual([expect.stringContaining('steps: has more than 256 steps')])
  })

  it('are at most 256 KiB as the JSON that the guard reads', () => {
    const lines = (bytes: number): string =>
      Array.from({ length: 4 }, (_, index) => `  - {name: s${index}, shell: "${'x'.repeat(bytes)}"}\n`).join('')
    expect(build('', steps(lines(65_400))).steps).toHaveLength(4)
    expect(stepsRefusal(lines(65_536))).toEqual([
      expect.stringMatching(/:3: steps: is longer than 262144 bytes as JSON/),
    ])
  })
})

describe('variables', () => {
  it.each(['1A', 'A-B', 'A=B', 'SHM_LIVENESS_REGION', ''])('cannot be named %j', (name) => {
    expect(buildRefusal(`environment: {"${name}": x}`)).toEqual([expect.stringContaining("must be a variable's name")])
    expect(buildRefusal(`secretEnvironment: ["${name}"]`)).toEqual([
      expect.stringContaining("must be a variable's name"),
    ])
  })

  it('are set once', () => {
    expect(buildRefusal('environment: {A: x}\nsecretEnvironment: [A, B, B]')).toEqual([
      expect.stringContaining('secretEnvironment[0]: names a variable that is there already'),
      expect.stringContaining('secretEnvironment[2]: names a variable that is there already'),
    ])
  })

  it('of a Secret name a Secret and its key', () => {
    expect(buildRefusal('environment: {A: {secret: Tokens, key: a/b, kee: x}}')).toEqual([
      expect.stringContaining("environment.A.secret: must be a Secret's name"),
      expect.stringContaining('environment.A.key: must be a key'),
      expect.stringContaining('environment.A.kee: unknown key; did you mean "key"?'),
    ])
  })
})

describe('annotations of a build', () => {
  it.each([
    ['shm-liveness/nonce', "is the runner's own"],
    ['lint.shm-liveness/exec-cost', "is the runner's own"],
    ['io.katacontainers.config.hypervisor.path', "for the cluster's administrator"],
    ['container.apparmor.security.beta.kubernetes.io/build', "for the cluster's administrator"],
    ['kueue.x-k8s.io/queue-name', "for the cluster's administrator"],
    ['k8s.v1.cni.cncf.io/networks', "for the cluster's administrator"],
    ['screwdriver.cd/ram', 'write tier.memory of the build'],
    ['screwdriver.cd/buildCluster', 'there are screwdriver.cd/executor and'],
    ['a b', "must be a label's or annotation's key"],
    ['a/b/c', "must be a label's or annotation's key"],
  ])('cannot be %s', (key, message) => {
    expect(buildRefusal(`annotations: {"${key}": x}`)).toEqual([expect.stringContaining(message)])
  })

  it('are text', () => {
    expect(buildRefusal('annotations: {screwdriver.cd/dockerEnabled: true}')).toEqual([
      expect.stringContaining('in quotes'),
    ])
  })
})
