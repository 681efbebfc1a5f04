import { defineConfig } from 'vitest/config'
import { alias } from './vitest.config.js'

/** The tests on a real cluster: `KUBECONFIG=… npm run test:cluster`. */
export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/cluster/*.test.ts'],
    globalSetup: ['test/cluster/support/global-setup.ts'],
    // One pod at a time has the node for itself: the tests measure times.
    fileParallelism: false,
    // Each wait has a limit of its own, which says what it waited for; this one is for what hangs all the same.
    testTimeout: 60 * 60_000,
  },
})
