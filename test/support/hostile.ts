/** Pods against which lint rules are held: what each must see, and the nearest that it must not. */
import { lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { frozen } from './manifests.js'

/** A pod of containers, each written as the fields that a case is about, or as the whole of a pod spec. */
export function pod(...texts: string[]): object {
  const containers = texts.map((text, index) => ({ name: 'abc'[index], image: 'i', ...read(text) }))
  return frozen({ kind: 'Pod', metadata: { name: 'p' }, spec: { containers } })
}

function read(text: string): object {
  const document = parseDocument(text, { version: '1.1', merge: true })
  expect(document.errors).toEqual([])
  return document.toJS() as object
}

export const spec = (text: string): object => frozen({ kind: 'Pod', metadata: { name: 'p' }, spec: read(text) })
export const findings = (rule: string, of: object) =>
  lint(of, { allProbes: true }).filter((finding) => finding.rule === rule)

/** Each rule, what it must see, and the nearest that it must not. */
export function hostile(rule: string, trips: Record<string, object>, passes: Record<string, object>): void {
  describe(rule, () => {
    it.each(Object.entries(trips))('sees %s', (_what, of) => expect(findings(rule, of)).not.toEqual([]))
    it.each(Object.entries(passes))('leaves %s', (_what, of) => expect(findings(rule, of)).toEqual([]))
  })
}

export const live = (...argv: string[]) => `livenessProbe: {exec: {command: ${JSON.stringify(argv)}}}`
export const ready = (...argv: string[]) => `readinessProbe: {exec: {command: ${JSON.stringify(argv)}}}`
export const env = (variables: Record<string, string>) =>
  `env: ${JSON.stringify(Object.entries(variables).map(([name, value]) => ({ name, value })))}`
export const lines = (...texts: string[]) => texts.join('\n')
export const get = (path: string, port: string | number, more = '') =>
  `livenessProbe: {httpGet: {path: ${path}, port: ${port}${more}}}`
