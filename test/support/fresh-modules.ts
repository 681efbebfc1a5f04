import { vi } from 'vitest'

// Runs before each test file (`setupFiles`). Support files register their hooks when they are loaded, and keep what the
// tests of a file have started: each file loads them anew.
vi.resetModules()
