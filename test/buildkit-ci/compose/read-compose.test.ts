import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { readCompose } from '../../../examples/buildkit-ci/compose/read-compose.js'
import { wordsOf } from '../../../examples/buildkit-ci/compose/words.js'

const read = (services: object, env: Record<string, string> = {}, rest: object = {}) =>
  readCompose(stringify({ services, ...rest }), 'compose.yaml', 'tests', env)

function problems(services: object, rest: object = {}): string {
  try {
    read(services, {}, rest)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

const image = 'registry.example/app:1'
const db = { image: 'mariadb:11', healthcheck: { test: ['CMD', 'healthcheck.sh'] } }

describe('a compose file', () => {
  it('gives what the tests need, each service after those that it depends on, and nothing else', () => {
    const { services, tests } = read({
      tests: { image, depends_on: { migrate: { condition: 'service_completed_successfully' } } },
      unused: { image },
      migrate: { image, depends_on: { db: { condition: 'service_healthy' } } },
      db,
    })
    expect(services.map(({ name }) => name)).toEqual(['db', 'migrate', 'tests'])
    expect(tests.name).toBe('tests')
  })

  it('takes both ways to write commands, variables and dependencies', () => {
    const { tests } = read({
      tests: { image, command: `npm run "my test" -- 'a b'`, environment: ['A=b=c', 'EMPTY='], depends_on: ['db'] },
      db,
    })
    expect(tests).toMatchObject({
      command: ['npm', 'run', 'my test', '--', 'a b'],
      environment: { A: 'b=c', EMPTY: '' },
      dependsOn: [{ service: 'db', condition: 'service_started' }],
    })
  })

  it('puts the environment in, with defaults, and leaves $$ alone', () => {
    const environment = { A: '$NAME', B: `\${NONE:-x}`, C: `\${EMPTY-y}`, D: '$$NAME', E: `\${NAME:+set}` }
    expect(read({ tests: { image, environment } }, { NAME: 'value', EMPTY: '' }).tests.environment).toEqual({
      ...{ A: 'value', B: 'x', C: '', D: '$NAME', E: 'set' },
    })
    expect(problems({ tests: { image, environment: { A: `\${NONE:?needed by all}` } } })).toContain(
      'services.tests.environment.A: the variable NONE is not set: needed by all',
    )
  })

  it('refuses what cannot become a pod, and says what to do instead', () => {
    const text = problems({ tests: { image, build: '.', networks: ['a'], restart: 'always', comand: 'x' } })
    expect(text).toContain('services.tests.build: is not supported: build and push the image first')
    expect(text).toContain('services.tests.networks: is not supported: all services of a pod share one network')
    expect(text).toContain('services.tests.restart: is not supported')
    expect(text).toContain('unknown key; did you mean "command"?')
  })

  it.each([
    [
      'a cycle',
      { tests: { image, depends_on: ['a'] }, a: { image, depends_on: ['tests'] } },
      'depend on each other: tests -> a -> tests',
    ],
    ['an unknown service', { tests: { image, depends_on: ['a'] } }, 'there is no service "a", which tests depends on'],
    ['no tests', { db }, 'there is no service "tests"'],
    [
      'a wait for health that nobody tells',
      { tests: { image, depends_on: { a: { condition: 'service_healthy' } } }, a: { image } },
      'tests waits until a is healthy, and a has neither a healthcheck nor x-shm-liveness.ready',
    ],
    [
      'two listeners at one port',
      { tests: { image, depends_on: ['a'], ports: ['8080:80'] }, a: { image, expose: [80] } },
      'a and tests both have port 80',
    ],
    [
      'a guard without a program',
      { tests: { image, 'x-shm-liveness': { silenceBudget: '5m' } } },
      "set entrypoint to the image's own",
    ],
    [
      'an unknown volume',
      { tests: { image, volumes: ['data:/data'] } },
      'tests mounts data, and volumes has no such name',
    ],
    [
      'two answers to one question',
      { tests: { ...db, 'x-shm-liveness': { ready: 'worker' } } },
      'one of them has to say when it is ready',
    ],
  ])('refuses %s', (_what, services, text) => {
    expect(problems(services)).toContain(text)
  })
})

describe('a command line', () => {
  it.each([
    ['a  b', ['a', 'b']],
    [`a'b c'"d e"`, ['ab cd e']],
    [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
    [`''`, ['']],
    ['  ', []],
  ])('%s is split as a shell does', (line, words) => {
    expect(wordsOf(line)).toEqual(words)
  })

  it('with a quote that is not closed is none', () => {
    expect(wordsOf('a "b')).toBeUndefined()
  })
})
