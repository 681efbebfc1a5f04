/**
 * Findings as JUnit XML, which CI systems show as tests: a suite for each file, a test for each finding, and one for each
 * pod without any. Findings that fail nothing are passed tests with an output, those that are suppressed are skipped.
 */
import type { Severity } from '../kubernetes/index.js'
import type { Looked, Placed } from './lint-files.js'
import { isFailure } from './severity.js'

export function junit({ pods, findings, unreadable }: Looked, failOn: Severity): string {
  const files = [...new Set([...pods, ...findings, ...unreadable].map(({ file }) => file))]
  const suites = files.map((file) => {
    const inFile = (item: { file: string }): boolean => item.file === file
    const found = findings.filter(inFile)
    const hasFinding = (resource: string): boolean => found.some(({ finding }) => finding.resource === resource)
    const clean = pods.filter(inFile).filter(({ resource }) => !hasFinding(resource))
    const tests = [
      ...unreadable.filter(inFile).map(({ message }) => testCase(file, 'can be read', element('error', message))),
      ...found.map((placed) => findingCase(placed, failOn)),
      ...clean.map(({ resource }) => testCase(resource, 'lint')),
    ]
    const failures = found.filter((placed) => isFailure(placed, failOn)).length
    const skipped = found.filter(({ finding }) => finding.suppressed !== undefined).length
    const counts = { tests: tests.length, failures, errors: unreadable.filter(inFile).length, skipped }
    return `  <testsuite${attributes({ name: file, ...counts })}>\n${tests.join('')}  </testsuite>\n`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="shm-liveness lint">\n${suites.join('')}</testsuites>\n`
}

function findingCase(placed: Placed, failOn: Severity): string {
  const { file, line, finding } = placed
  const { resource, container, rule, severity, message, remedy, suppressed } = finding
  const className = !container ? resource : `${resource}/${container}`
  const text = `${file}:${line}: ${severity}: ${message}. ${remedy}`
  if (suppressed !== undefined)
    return testCase(className, rule, element('skipped', suppressed || 'no reason given', text))
  if (isFailure(placed, failOn)) return testCase(className, rule, element('failure', message, text))
  return testCase(className, rule, `<system-out>${escaped(text)}</system-out>`)
}

function testCase(classname: string, name: string, content = ''): string {
  return `    <testcase${attributes({ classname, name })}>${content}</testcase>\n`
}

function element(tag: string, message: string, text = message): string {
  return `<${tag}${attributes({ message })}>${escaped(text)}</${tag}>`
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('')
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML has no place for control characters, lone surrogates and U+FFFE, U+FFFF, whatever a manifest has. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"]/g, (character) => entities[character] ?? character)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}
