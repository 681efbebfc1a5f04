// Writes auto.mjs, all of shm-liveness/auto in one file, into each folder that is named: an init container installs it
// beside the executables for `wire --auto`, where there is no node_modules. It loads auto.node from its own folder.
//
//   node scripts/bundle-auto.mjs FOLDER...
import { join } from 'node:path'
import { build } from 'rolldown'

const root = join(import.meta.dirname, '..')
const folders = process.argv.slice(2)
if (folders.length === 0) {
  console.error('bundle-auto: name the folders that auto.mjs is written into')
  process.exit(2)
}

/** The package's folder is then that of the file, and not the one two folders above the compiled module. */
const packageRoot = `import { fileURLToPath } from 'node:url'
export const packageRoot = fileURLToPath(new URL('.', import.meta.url))
export const addonPath = packageRoot + 'auto.node'`
const ownFolder = {
  name: 'own-folder',
  load: (id) => (id.endsWith('/internal/package-root.js') ? packageRoot : undefined),
}

await build(
  folders.map((folder) => ({
    input: join(root, 'dist/auto/index.js'),
    platform: 'node',
    plugins: [ownFolder],
    // Names stay, for stacks; the package must stay small.
    output: {
      ...{ file: join(folder, 'auto.mjs'), format: 'esm' },
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    },
  })),
)
