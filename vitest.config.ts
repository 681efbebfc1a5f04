import { defineConfig, mergeConfig } from 'vitest/config'

const compiled = (file: string) => new URL(`./dist/${file}`, import.meta.url).pathname

export const shared = defineConfig({
  resolve: {
    // What users import is what is tested: the compiled package, not its sources.
    alias: {
      'shm-liveness/kubernetes': compiled('kubernetes/index.js'),
      'shm-liveness': compiled('index.js'),
    },
  },
  test: {
    // Clocks and scheduling are what is tested, and two cores are what CI has: files side by side would be noise.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ['test/**/*.test.ts'],
      // They need a cluster, and have a configuration of their own.
      exclude: ['test/cluster/*.test.ts'],
    },
  }),
)
