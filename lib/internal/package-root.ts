import { fileURLToPath } from 'node:url'

/** The folder of this package's package.json; compiled files lie in dist/internal. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))
