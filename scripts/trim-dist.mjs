// Makes a folder of compiled modules ready to be packed, so that the package stays small. Takes the comments out of the
// modules, because editors read those of the declarations, and indents the modules by tabs. Removes the declarations that
// none of an entry point leads to.
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
  return indentedByTabs(outputText)
}

/** A tab for each four spaces, but not within a text of several lines. */
function indentedByTabs(text) {
  const inTexts = new Set()
  const source = ts.createSourceFile('', text, ts.ScriptTarget.ESNext)
  const visit = (node) => {
    if (ts.isTemplateLiteralToken(node)) {
      const [first, last] = [node.getStart(source), node.end].map((at) => source.getLineAndCharacterOfPosition(at).line)
      for (let line = first + 1; line <= last; line++) inTexts.add(line)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  const tabs = (line) => line.replace(/^( {4})+/, (spaces) => '\t'.repeat(spaces.length / 4))
  return text
    .split('\n')
    .map((line, i) => (inTexts.has(i) ? line : tabs(line)))
    .join('\n')
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
