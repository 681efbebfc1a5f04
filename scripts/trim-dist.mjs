// Makes a folder of compiled modules ready to be packed, so that the package stays small. Takes the comments out of the
// modules: editors read those of the declarations. Removes the declarations that none of an entry point leads to.
//
//   node scripts/trim-dist.mjs FOLDER
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import ts from 'typescript'

const entryPoints = ['index.d.ts', 'kubernetes/index.d.ts', 'auto/index.d.ts']
const compilerOptions = {
  ...{ removeComments: true, allowJs: true },
  ...{ target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
}

function withoutComments(path) {
  const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), { fileName: path, compilerOptions })
  return outputText
}

/** The file and all that it imports. */
function reachable(path, seen = new Set()) {
  if (seen.has(path)) return seen
  seen.add(path)
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'))
  for (const { fileName } of importedFiles.filter(({ fileName }) => fileName.startsWith('.'))) {
    reachable(resolve(dirname(path), fileName.replace(/\.js$/, '.d.ts')), seen)
  }
  return seen
}

const [given, ...more] = process.argv.slice(2)
if (given === undefined || more.length > 0) {
  console.error('trim-dist: name one folder of compiled modules')
  process.exit(2)
}
const folder = resolve(given)
const paths = readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
for (const path of paths.filter((path) => path.endsWith('.js'))) writeFileSync(path, withoutComments(path))
const seen = new Set()
for (const entry of entryPoints) reachable(join(folder, entry), seen)
for (const path of paths.filter((path) => path.endsWith('.d.ts') && !seen.has(path))) rmSync(path)
