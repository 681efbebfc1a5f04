/** Which files `lint` looks at. */
import { readdirSync, realpathSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

/** A file to look at. */
export interface ManifestFile {
  path: string
  /** Whether it was named itself, and so must be a manifest; in a folder there may be others. */
  isNamed: boolean
}

export interface ManifestFiles {
  files: ManifestFile[]
  /** Folders of Helm chart sources. Their templates are no manifests until they are rendered. */
  charts: string[]
  /** Files and folders that are not there or may not be read, and why. */
  unreadable: { file: string; message: string }[]
}

const extensions = ['.yaml', '.yml', '.json']
const notLookedAt = ['node_modules']

/**
 * The files among `paths`, and of each folder among them all that may be manifests, in the order of their names. Hidden
 * folders, `node_modules` and Helm chart sources are left out.
 */
export function manifestFiles(paths: readonly string[]): ManifestFiles {
  const found: ManifestFiles = { files: [], charts: [], unreadable: [] }
  const seen = new Set<string>()
  for (const path of paths) {
    if (path === '-') found.files.push({ path, isNamed: true })
    else attempt(path, found, () => add(path, found, seen))
  }
  return found
}

function add(path: string, found: ManifestFiles, seen: Set<string>): void {
  if (statSync(path).isDirectory()) addFolder(path, found, seen)
  else addFile(path, true, found, seen)
}

/** What cannot be read stands in the way of no other. */
function attempt(path: string, { unreadable }: ManifestFiles, look: () => void): void {
  try {
    look()
  } catch (error) {
    unreadable.push({ file: path, message: `${path}: ${(error as Error).message}` })
  }
}

function addFile(path: string, isNamed: boolean, found: ManifestFiles, seen: Set<string>): void {
  if (isNew(path, seen)) found.files.push({ path, isNamed })
}

function addFolder(folder: string, found: ManifestFiles, seen: Set<string>): void {
  // A link may lead back to a folder above.
  if (!isNew(folder, seen)) return
  const names = readdirSync(folder).sort()
  if (names.includes('Chart.yaml')) {
    found.charts.push(folder)
    return
  }
  for (const name of names) {
    const path = join(folder, name)
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory()) {
      if (name.startsWith('.') || notLookedAt.includes(name)) continue
      attempt(path, found, () => addFolder(path, found, seen))
    } else if (stats?.isFile() && extensions.includes(extname(name))) addFile(path, false, found, seen)
  }
}

function isNew(path: string, seen: Set<string>): boolean {
  const real = realpathSync(path)
  if (seen.has(real)) return false
  seen.add(real)
  return true
}
