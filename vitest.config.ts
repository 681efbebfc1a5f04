import { defineConfig } from 'vitest/config'

const compiled = (file: string) => new URL(`./dist/${file}`, import.meta.url).pathname

// What users import is what is tested: the compiled package, not its sources.
export const alias = {
  'shm-liveness/kubernetes': compiled('kubernetes/index.js'),
  'shm-liveness': compiled('index.js'),
}

const filesIn = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

// Test files of a project share a process and what it has loaded of node_modules (client-node alone takes 0.9 s of a CPU),
// but not the modules of this repository.
const sharedProcess = { isolate: false, setupFiles: ['test/support/fresh-modules.ts'] }

/**
 * Four projects, one after the other (`sequence.groupOrder`). `npm test` runs the first two; `npm test -- --all` adds
 * the others. It runs those that need the CPU (`pure`, `shipped`) beside those that mostly wait (`clocks`, `machine`).
 * CONTRIBUTING.md says what belongs in each folder.
 */
export default defineConfig({
  resolve: { alias },
  test: {
    // A limit for what hangs. A wait has its own, shorter limit and says what it waited for (test/support/until.ts).
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // As in test/support/without-stacks.ts, for heartbeats that tests claim in their own process.
    env: { SHM_LIVENESS_STACKS: '0' },
    setupFiles: ['test/support/counted-children.ts'],
    coverage: {
      provider: 'v8',
      // The compiled files are what runs (those of examples/ lie in dist-programs/examples/, which matches, too), and
      // their source maps lead to the sources.
      include: ['lib/**/*.ts', 'examples/**/*.{ts,js}', 'dist/**/*.js'],
      exclude: ['**/*.d.ts'],
      reporter: ['text-summary'], // scripts/typescript-coverage.mjs has its own
      reportOnFailure: true,
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: filesIn('api', 'build-runner', 'buildkit-ci', 'cli', 'fakes', 'kubernetes', 'structure'),
          maxWorkers: 2,
          ...sharedProcess,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          // Signals, death and stalls of real processes: two files side by side would slow each other down.
          name: 'clocks',
          include: filesIn('behaviour', 'guard', 'lifecycle'),
          maxWorkers: 1,
          ...sharedProcess,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          // Compilers, package managers and the conformance of each language: what others get of this repository.
          name: 'shipped',
          include: filesIn('languages', 'packaging'),
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          // Namespaces, container engines, and the cluster tests against a fake API server.
          name: 'machine',
          include: filesIn('buildkit-ci-machine', 'cluster/offline', 'containers', 'podman', 'slow'),
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
