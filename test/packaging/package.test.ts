import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bareMachine, dependencies, install, type Packed, pack, scratchFolder, shipped } from '../support/packed.js'
import { built, prebuildsLimitMs } from '../support/prebuilds.js'
import { untilHolds } from '../support/until.js'

const { path: scratch, remove } = scratchFolder()
const project = join(scratch, 'project')
const installed = join(project, 'node_modules/shm-liveness')
const regions = mkdtempSync('/dev/shm/test-package-')
const bare = { ...bareMachine(scratch), SHM_LIVENESS_DIR: regions }

let packed: Packed
let installLog = ''

beforeAll(() => {
  packed = pack(scratch)
  installLog = install(scratch, packed, project, bare)
}, prebuildsLimitMs)

afterAll(() => {
  remove()
  rmSync(regions, { recursive: true, force: true })
})

/** Runs a program of the project on the bare machine. */
function run(name: string, text: string): { status: number | null; stdout: string; stderr: string } {
  writeFileSync(join(project, name), text)
  return spawnSync(process.execPath, [name], { cwd: project, env: bare, encoding: 'utf8' })
}

function pathBy(name: 'probePath' | 'guardPath'): string {
  return run('where.mjs', `import { ${name} } from 'shm-liveness'; console.log(${name}())`).stdout.trim()
}

/** The executables that were packed. */
const executables = () => packed.files.map(({ path }) => path).filter((path) => /^prebuilds\/.*\/shm-\w+$/.test(path))

describe('the tarball', () => {
  it('has what a user needs, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path)
    const tops = new Set(paths.map((path) => path.split('/')[0]))
    expect([...tops].sort()).toEqual(
      [
        ...['CHANGELOG.md', 'LICENSE', 'README.md', 'binding.gyp', 'dist', 'docs', 'images', 'native'],
        ...['package.json', 'prebuilds', 'probe'],
      ].sort(),
    )
    expect(
      paths.filter((path) => /(^|\/)tests?\/|\.test\.|fixture|\.tsbuildinfo|\.map$|\.o$|node_modules/.test(path)),
    ).toEqual([])
    expect(paths).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts']))
  })

  it('has the addon and the programs for each architecture, in less than 2 MB unpacked', () => {
    const paths = packed.files.map(({ path }) => path).filter((path) => path.startsWith('prebuilds/'))
    const ofEach = ['shm-guard', 'shm-liveness.node', 'shm-probe']
    const files = built.flatMap((arch) => ofEach.map((name) => `prebuilds/linux-${arch}/${name}`))
    expect(paths.sort()).toEqual(['prebuilds/auto.mjs', ...files].sort())
    expect(packed.files.reduce((bytes, { size }) => bytes + size, 0)).toBeLessThan(2_000_000)
  })

  it('has each executable with mode 0755, and all other files without', () => {
    const modes = new Map(packed.files.map(({ path, mode }) => [path, mode & 0o777]))
    expect(executables()).toContain(`prebuilds/linux-${process.arch}/shm-probe`)
    for (const path of executables()) expect([path, modes.get(path)]).toEqual([path, 0o755])
    const others = [...modes].filter(([path]) => !path.startsWith('prebuilds/'))
    expect(others.filter(([, mode]) => (mode & 0o111) !== 0)).toEqual([])
  })

  it('has no install script, nor does npm make one up for its binding.gyp', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    expect(manifest.gypfile).toBe(false)
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts?.[script]).toBeUndefined()
    }
    expect(installLog).not.toMatch(/node-gyp rebuild|info run shm-liveness/)
    expect(installLog).toContain(`added ${1 + dependencies.length} packages`)
  })
})

describe('the command line and the wiring that are shipped', () => {
  it('run by their names', () => {
    const { version } = shipped
    for (const name of ['shm-liveness', 'kubectl-liveness']) {
      const command = join(project, 'node_modules/.bin', name)
      expect(spawnSync(command, ['--version'], { env: bare, encoding: 'utf8' }).stdout).toBe(`${version}\n`)
    }
    const program = "import { probes } from 'shm-liveness/kubernetes'; console.log(Object.keys(probes()).length)"
    expect(run('wiring.mjs', program)).toMatchObject({ status: 0, stdout: '3\n' })
    const unchanged = ['--import', 'shm-liveness/auto', '--eval', 'console.log(process.env.SHM_LIVENESS_AUTO_PID)']
    const done = spawnSync(process.execPath, unchanged, { cwd: project, env: bare, encoding: 'utf8' })
    expect(done).toMatchObject({ stdout: `${done.pid}\n`, stderr: '' })
  })
})

describe('the programs that are shipped', () => {
  it('are the probe and the guard', () => {
    const names = executables().map((path) => path.replace(/.*\//, ''))
    expect(new Set(names)).toEqual(new Set(['shm-probe', 'shm-guard']))
  })

  it.each([
    // On arm64, whose instructions are longer, a quarter more.
    ['shm-probe', 40],
    ['shm-guard', 112],
  ])('%s is one static file of at most %i KiB, mode 0755', (name, kib) => {
    for (const path of executables().filter((path) => path.endsWith(name))) {
      const file = join(installed, path)
      const headers = execFileSync('readelf', ['--program-headers', '--wide', file], { encoding: 'utf8' })
      expect(headers, path).toContain('LOAD')
      expect(headers, path).not.toMatch(/INTERP|DYNAMIC/)
      expect(statSync(file).size, path).toBeLessThanOrEqual((path.includes('arm64') ? 1.25 : 1) * kib * 1024)
      expect(statSync(file).mode & 0o777, path).toBe(0o755)
    }
  })

  it('probePath() says where the probe is, and it runs', () => {
    const path = pathBy('probePath')
    expect(path).toBe(resolve(installed, `prebuilds/linux-${process.arch}/shm-probe`))
    const version = spawnSync(path, ['--version'], { encoding: 'utf8', env: {} })
    expect(version.stdout).toBe(`shm-probe ${shipped.version} (layout 2)\n`)
    expect(spawnSync(path, ['--self-test'], { env: {} }).status).toBe(0)
  })

  it('guardPath() says where the guard is, and it runs', () => {
    const path = pathBy('guardPath')
    expect(path).toBe(resolve(installed, `prebuilds/linux-${process.arch}/shm-guard`))
    expect(spawnSync(path, ['--', 'sh', '-c', 'exit 7'], { env: {} }).status).toBe(7)
  })
})

/** The README's worker, with a model and a camera that are none; it runs until SIGTERM. */
function workerSnippet(): string {
  const readme = readFileSync(join(installed, 'README.md'), 'utf8')
  const snippet = /\*\*The worker\*\*\s+```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  if (snippet === undefined) throw new Error('the README has no worker')
  expect(snippet).toContain("import { Heartbeat } from 'shm-liveness'")
  return snippet
}
const around = `
  let running = true
  process.on('SIGTERM', () => { running = false })
  const loadModel = async () => {}
  const grabFrame = () => new Promise((resolve) => setTimeout(resolve, 5))
`

describe('the worker of the README, in the installed package', () => {
  it.each([
    ['worker.mjs', (snippet: string) => `${around}\n${snippet}`],
    [
      'worker.cjs',
      (snippet: string) => {
        const required = snippet.replace(/import (\{.*?\}) from ('.*?')/, 'const $1 = require($2)')
        return `async function main() { ${around}\n${required} }\nmain()`
      },
    ],
  ])('runs as %s, and the probe reads it', async (name, program) => {
    writeFileSync(join(project, name), program(workerSnippet()))
    const probe = pathBy('probePath')
    const look = (check: string) =>
      spawnSync(probe, ['--region', 'camera', '--check', check, '--expect', 'grabber'], { env: bare, encoding: 'utf8' })
    const worker = spawn(process.execPath, [name], { cwd: project, env: bare, stdio: ['ignore', 'inherit', 'pipe'] })
    let stderr = ''
    worker.stderr.on('data', (data) => (stderr += data))
    try {
      const ready = await untilHolds(
        'the worker is ready, or has ended',
        () => look('readiness'),
        ({ status }) => status === 0 || worker.exitCode !== null,
      )
      expect({ status: ready.status, stdout: ready.stdout, stderr }).toMatchObject({ status: 0, stdout: '' })
      expect(look('liveness').status).toBe(0)
      worker.kill('SIGTERM')
      expect(await once(worker, 'exit')).toEqual([0, null])
      expect(look('liveness').stdout).toBe('stopped: every worker of region camera stopped on purpose\n')
    } finally {
      worker.kill('SIGKILL')
    }
  })
})

describe('the installed package without its binaries', () => {
  it('can be imported, and says NO_BINARY and how to build them', () => {
    renameSync(join(installed, 'prebuilds'), join(scratch, 'prebuilds'))
    const program = `
      import { Heartbeat, probePath } from 'shm-liveness'
      for (const call of [probePath, () => Heartbeat.claim({ name: 'a', maxAge: 5 })]) {
        try { call() } catch (error) { console.log(error.code, error.message) }
      }`
    const { stdout } = run('without.mjs', program)
    renameSync(join(scratch, 'prebuilds'), join(installed, 'prebuilds'))
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^NO_BINARY no shm-probe in \//),
      expect.stringMatching(/^NO_BINARY no shm-liveness binary for linux-\S+; build it with a C\+\+20 compiler: cd \//),
      '',
    ])
  })
})
