import { defineConfig } from 'vitest/config'

const compiled = (file: string) => new URL(`./dist/${file}`, import.meta.url).pathname

export default defineConfig({
  resolve: {
    // What users import is what is tested: the compiled package, not its sources.
    alias: {
      'shm-liveness/kubernetes': compiled('kubernetes/index.js'),
      'shm-liveness': compiled('index.js'),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Clocks and scheduling are what is tested, and two cores are what CI has: files side by side would be noise.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
