import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const workers = join(root, 'examples/workers')
const built = join(root, 'build/test-workers')

export interface Language {
  name: string
  /** Programs that must be installed, and the Debian packages they are in. */
  needs: Record<string, string>
  /** Compiles the worker, if it must be, and gives the command that starts it for the conformance program. */
  command: () => { args: string[]; env?: Record<string, string> }
}

function run(program: string, args: string[], cwd = root): void {
  execFileSync(program, args, { cwd, stdio: 'pipe' })
}

function compile(name: string, build: (target: string) => void): string {
  mkdirSync(built, { recursive: true })
  const target = join(built, name)
  build(target)
  return target
}

const strict = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread']

/** As CMakeLists.txt compiles the C library; package.test.ts has the installed one. */
function cWorker(): string {
  return compile('c-conformance', (target) => {
    const flags = ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics', ...strict]
    run('g++', [...flags, '-c', 'native/c/shm_liveness.cc', '-o', `${target}.o`])
    run('gcc', ['-std=c99', ...strict, '-Inative/c', 'examples/workers/c/conformance.c', `${target}.o`, '-o', target])
  })
}

function rustWorker(): string {
  return compile('rust-conformance', (target) => {
    const flags = ['--edition', '2021', '-D', 'warnings', '-C', 'opt-level=1']
    const library = join(built, 'libshm_liveness_worker.rlib')
    const source = (name: string): string => join(workers, 'rust/src', name)
    run('rustc', [
      ...flags,
      '--crate-type',
      'rlib',
      '--crate-name',
      'shm_liveness_worker',
      source('lib.rs'),
      '-o',
      library,
    ])
    run('rustc', [...flags, source('main.rs'), '--extern', `shm_liveness_worker=${library}`, '-o', target])
  })
}

export const pythonEnv = { PYTHONPATH: join(root, 'python/src'), PYTHONDONTWRITEBYTECODE: '1' }
export const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

export const languages: Language[] = [
  {
    name: 'Node.js',
    needs: {},
    command: () => ({ args: ['node', join(root, 'dist-programs/examples/workers/node/conformance.js')] }),
  },
  {
    name: 'Python',
    needs: { python3: 'python3' },
    command: () => ({ args: [python, '-S', '-m', 'shm_liveness.conformance'], env: pythonEnv }),
  },
  { name: 'C', needs: { gcc: 'gcc', 'g++': 'g++' }, command: () => ({ args: [cWorker()] }) },
  {
    name: 'C++',
    needs: { 'g++': 'g++' },
    command: () => ({
      args: [
        compile('cpp-conformance', (target) =>
          run('g++', ['-std=c++20', ...strict, '-Inative', 'examples/workers/cpp/conformance.cc', '-o', target]),
        ),
      ],
    }),
  },
  {
    name: 'bash',
    needs: { bash: 'bash', gcc: 'gcc', 'g++': 'g++' },
    command: () => ({
      args: ['bash', join(workers, 'bash/conformance.sh')],
      env: { SHM_LIVENESS_HELPER: cWorker() },
    }),
  },
  {
    name: 'Go',
    needs: { go: 'golang-go' },
    command: () => ({
      args: [
        compile('go-conformance', (target) => run('go', ['build', '-o', target, '.'], join(workers, 'go'))),
        '--conformance',
      ],
    }),
  },
  { name: 'Rust', needs: { rustc: 'rustc' }, command: () => ({ args: [rustWorker(), '--conformance'] }) },
]

/** The Debian packages whose programs are not there. */
export function missingPackages({ needs }: Language): string[] {
  const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  return Object.entries(needs).flatMap(([program, debianPackage]) => (isThere(program) ? [] : [debianPackage]))
}
