// Writes how long each vitest project took, from its first file's start to its last file's end, into the file that
// SHM_LIVENESS_PARTS_REPORT names.
import { writeFileSync } from 'node:fs'

export default class PartsReporter {
  #spans = new Map()

  onTestModuleQueued(module) {
    const now = performance.now()
    const span = this.#spans.get(module.project.name)
    this.#spans.set(module.project.name, { began: span?.began ?? now, ended: now })
  }

  onTestModuleEnd(module) {
    const span = this.#spans.get(module.project.name)
    if (span !== undefined) span.ended = performance.now()
  }

  onTestRunEnd() {
    const parts = [...this.#spans].map(([name, { began, ended }]) => ({ name: `tests: ${name}`, ms: ended - began }))
    writeFileSync(process.env.SHM_LIVENESS_PARTS_REPORT, JSON.stringify(parts))
  }
}
