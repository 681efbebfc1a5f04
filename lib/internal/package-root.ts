import { fileURLToPath } from 'node:url'

/** The folder of this package's package.json; compiled files lie in dist/internal. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

/** Where the addon is if it is known beforehand: beside the one file into which scripts/bundle-auto.mjs puts all of this. */
export const addonPath: string | undefined = undefined
