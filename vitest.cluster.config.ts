import { defineConfig, mergeConfig } from 'vitest/config'
import { shared } from './vitest.config.js'

/** The tests on a real cluster: `KUBECONFIG=… npm run test:cluster`. */
export default mergeConfig(
  shared,
  defineConfig({
    test: {
      include: ['test/cluster/*.test.ts'],
      globalSetup: ['test/cluster/support/global-setup.ts'],
      // Each wait has a limit of its own, which says what it waited for; this one is for what hangs all the same.
      testTimeout: 60 * 60_000,
    },
  }),
)
