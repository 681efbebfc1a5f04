import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { buildMariadbImage, mariadbEntrypoint, mariadbImage } from '../support/mariadb-image.js'
import { whyNotWith } from '../support/needs.js'
import { podmanDid, podmanEnvironment, sharedFolder, whyNoPodman } from '../support/podman.js'
import { until } from '../support/until.js'

const whyNot =
  whyNoPodman ?? whyNotWith('a MariaDB beside tests', { mariadbd: 'mariadb-server', mariadb: 'mariadb-client' })
const main = join(import.meta.dirname, '../../dist-programs/examples/buildkit-ci/main.js')

/** `buildkit-ci compose run` as a process of its own. */
class Run {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly #closed: Promise<unknown>

  constructor(services: Record<string, object>, rest: object = {}) {
    const file = join(sharedFolder('compose'), 'compose.yaml')
    writeFileSync(file, stringify({ name: 'shop', services, ...rest }))
    const args = [main, 'compose', 'run', file, '--tests', 'tests', '--network', 'none']
    this.child = spawn(process.execPath, args, { env: { ...process.env, ...podmanEnvironment } })
    this.#closed = once(this.child, 'close')
    this.child.stdout?.on('data', (data) => (this.stdout += data))
    this.child.stderr?.on('data', (data) => (this.stderr += data))
  }

  async ended(): Promise<number> {
    await this.#closed
    return this.child.exitCode as number
  }
}

const tests = (script: string, rest: object = {}) => ({
  image: mariadbImage,
  entrypoint: ['/bin/sh', '-c', script],
  ...rest,
})
const database = (rest: object = {}) => ({ image: mariadbImage, entrypoint: mariadbEntrypoint, ...rest })
const client = 'mariadb --no-defaults --host db --user root --batch --skip-column-names'
const needsDatabase = { depends_on: { db: { condition: 'service_healthy' } } }

function left(): string[] {
  const names = [
    podmanDid(['ps', '--all', '--format', '{{.Names}}']),
    podmanDid(['pod', 'ps', '--format', '{{.Name}}']),
    podmanDid(['volume', 'ls', '--format', '{{.Name}}']),
  ]
  return names
    .join('')
    .split('\n')
    .filter((name) => name !== '')
}

describe.skipIf(whyNot !== undefined)('tests of a compose file under podman', { timeout: 120_000 }, () => {
  beforeAll(buildMariadbImage)
  afterEach(() => expect(left()).toEqual([]))

  it('run beside a MariaDB that says by sd_notify that it is ready, and give their output and exit status', async () => {
    const script = `${client} --execute 'create database shop; use shop; create table a (b int); insert into a values (42); select b from a'; exit 7`
    const run = new Run({
      db: database({ 'x-shm-liveness': { ready: 'notify' } }),
      tests: tests(script, needsDatabase),
    })
    expect(await run.ended(), run.stderr).toBe(7)
    expect(run.stdout).toBe('42\n')
    expect(run.stderr).toMatch(/^db \| .*ready for connections/m)
    expect(run.stderr).toMatch(/buildkit-ci: the tests \(tests\) ended with 7\n$/)
  })

  it('run beside one that has a healthcheck, with a job before them and a volume for all', async () => {
    const health = {
      test: ['CMD', 'mariadb', '--no-defaults', '--host=127.0.0.1', '--user=root', '--execute=select 1'],
      interval: '1s',
    }
    const run = new Run(
      {
        db: database({ healthcheck: health }),
        migrate: tests(`${client} --execute 'create database shop' && echo done > /shared/migrated`, {
          ...needsDatabase,
          volumes: ['files:/shared'],
        }),
        tests: tests(`${client} --execute 'show databases like "shop"'; cat /shared/migrated`, {
          depends_on: { migrate: { condition: 'service_completed_successfully' } },
          volumes: ['files:/shared:ro'],
        }),
      },
      { volumes: { files: null } },
    )
    expect(await run.ended(), run.stderr).toBe(0)
    expect(run.stdout).toBe('shop\ndone\n')
  })

  it('are not started if a service ends before it is ready, which is said with its log', async () => {
    const broken = { image: mariadbImage, entrypoint: ['/bin/sh', '-c', 'echo no disk >&2; exit 3'] }
    const run = new Run({
      db: { ...broken, 'x-shm-liveness': { ready: 'notify' } },
      tests: tests('echo ran', needsDatabase),
    })
    expect(await run.ended()).toBe(3)
    expect(run.stdout).toBe('')
    expect(run.stderr).toMatch(/^db \| no disk$/m)
    expect(run.stderr).toMatch(
      /^buildkit-ci: service db ended with 3 before it was ready\n {2}what to do: read its log above$/m,
    )
  })

  it('are ended at Ctrl-C, and everything is removed', async () => {
    const run = new Run({
      db: database({ 'x-shm-liveness': { ready: 'notify' } }),
      tests: tests('echo begun; trap "echo told; exit 1" TERM; while :; do sleep 0.1; done', needsDatabase),
    })
    await until('the tests have begun', () => {
      if (run.child.exitCode !== null) throw new Error(run.stderr)
      return run.stdout.includes('begun')
    })
    run.child.kill('SIGINT')
    expect(await run.ended()).toBe(130)
    expect(run.stderr).toContain('SIGINT: ending the tests and removing everything')
  })

  it('that hang are found by their silence, and end with the status of the guard', async () => {
    const run = new Run({
      tests: tests('echo begun; read forever < /dev/tty || sleep 600', { 'x-shm-liveness': { silenceBudget: '2s' } }),
    })
    expect(await run.ended(), run.stderr).toBe(120)
    expect(run.stdout).toBe('begun\n')
    expect(run.stderr).toMatch(/stalled/)
  })

  it('get the values of variables as they are written, also of those that podman reads itself', async () => {
    const environment = {
      ...{ LINES: 'one\n"two" $$three', EMPTY: '', PATH: '/bin:/usr/bin', HOME: '/no/such/home' },
      ...{ CONTAINERS_CONF: '/no/such/file', TMPDIR: '/no/such/folder', https_proxy: 'http://user:word@proxy:1' },
    }
    const names = Object.keys(environment)
    const script = names.map((name) => `echo "${name}=$$${name}"`).join('; ')
    const run = new Run({ tests: tests(script, { environment }) })
    expect(await run.ended(), run.stderr).toBe(0)
    const expected = { ...environment, LINES: 'one\n"two" $three' }
    expect(run.stdout).toBe(names.map((name) => `${name}=${expected[name as keyof typeof expected]}\n`).join(''))
  })

  it('that podman refuses to create are an error without the values of variables and the words of commands', async () => {
    const image = 'localhost/no-such-image:test'
    const environment = { PASSWORD: 'secret-value', http_proxy: 'http://user:secret-value@proxy:1' }
    const run = new Run({ tests: { image, environment, command: ['--password', 'secret-value'] } })
    expect(await run.ended()).toBe(3)
    expect(run.stderr).toContain('podman create failed with 125')
    expect(run.stderr).toContain('fix what podman says about service tests')
    expect(run.stdout + run.stderr).not.toContain('secret-value')
  })

  it('that cannot be started are not taken for tests that failed', async () => {
    const run = new Run({ tests: { image: mariadbImage, entrypoint: ['/no/such/program'] } })
    expect(await run.ended()).toBe(3)
    expect(run.stderr).toContain('the tests could not be started')
  })
})
