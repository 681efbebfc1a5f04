/** Sources of Helm charts, which are no manifests until they are rendered. */
import { type Document, isMap, visit } from 'yaml'

/** @param chart its folder, if it is known */
export function renderFirst(chart = 'CHART'): string {
  return `this is a Helm chart, whose templates are not YAML; render it first: helm template NAME ${chart} | npx shm-liveness …`
}

/** Whether a text that cannot be read as YAML has actions of a template where YAML would have a value or a line. */
export function hasActions(text: string): boolean {
  return /(?:^\s*(?:- )?|:\s+)\{\{/m.test(text)
}

/**
 * Whether a document that can be read has them all the same: YAML takes a plain `{{ .Values.image }}` for a map that is
 * the key of a map. In quotes and inside texts they are no template's: Prometheus and Argo have them there.
 */
export function isTemplate(document: Document.Parsed, text: string): boolean {
  let isOne = false
  if (!text.includes('{{')) return isOne
  visit(document, {
    Map(_, node) {
      if (!node.flow || !node.range || !text.startsWith('{{', node.range[0])) return undefined
      isOne = isMap(node.items[0]?.key)
      return isOne ? visit.BREAK : undefined
    },
  })
  return isOne
}
