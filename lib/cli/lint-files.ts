import type { Readable } from 'node:stream'
import { type Finding, leftOut, lint, podTemplates } from '../kubernetes/index.js'
import { ownerOf } from '../kubernetes/pod-templates.js'
import { CommandError } from './exit-codes.js'
import { readSource, type Source } from './input.js'
import type { ManifestFile } from './manifest-files.js'
import { lineOf, manifestsOf } from './yaml/documents.js'

/** A finding and where it is. */
export interface Placed {
  file: string
  line: number
  finding: Finding
}

/** What was looked at, and what was found there. */
export interface Looked {
  files: number
  pods: { file: string; resource: string }[]
  findings: Placed[]
  /** How many containers were not looked at, because shm-liveness has no part in them. */
  leftOut: number
  /** Files that could not be read, and why. */
  unreadable: { file: string; message: string }[]
}

/**
 * Lints all files, one after the other. A file that cannot be read stands in the way of no other.
 * @param allProbes look at containers, too, that shm-liveness has no part in
 */
export async function lintFiles(files: readonly ManifestFile[], stdin: Readable, allProbes: boolean): Promise<Looked> {
  const looked: Looked = { files: 0, pods: [], findings: [], leftOut: 0, unreadable: [] }
  for (const { path, isNamed } of files) {
    let source: Source | undefined
    try {
      source = await readSource(path, stdin)
      const found = lintSource(source, allProbes)
      looked.files++
      looked.pods.push(...found.pods)
      looked.findings.push(...found.findings)
      looked.leftOut += found.leftOut
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      const isOther = !isNamed && source !== undefined && !namesKind(source.text)
      if (!isOther) looked.unreadable.push({ file: path, message: error.message })
    }
  }
  return looked
}

/** Whether a text that is no YAML (JSON with comments, say) was meant to be a manifest. */
function namesKind(text: string): boolean {
  return /^\s*(- )?["']?kind["']?\s*:/m.test(text)
}

type Found = Pick<Looked, 'pods' | 'findings' | 'leftOut'>

function lintSource({ name, text }: Source, allProbes: boolean): Found {
  const found: Found = { pods: [], findings: [], leftOut: 0 }
  for (const manifest of manifestsOf(name, text)) {
    found.pods.push(...podTemplates(manifest.value).map((template) => ({ file: name, resource: ownerOf(template) })))
    const findings = lint(manifest.value, { suppressed: true, allProbes })
    if (!allProbes) found.leftOut += leftOut(manifest.value).length
    found.findings.push(...findings.map((finding) => ({ file: name, line: lineOf(manifest, finding.path), finding })))
  }
  return found
}
