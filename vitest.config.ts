import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    // What users import is what is tested: the compiled package, not its sources.
    alias: { 'shm-liveness': new URL('./dist/index.js', import.meta.url).pathname },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Clocks and scheduling are what is tested, and two cores are what CI has: files side by side would be noise.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
