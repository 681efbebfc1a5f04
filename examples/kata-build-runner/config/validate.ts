import { isAlias, isMap, isScalar, isSeq } from 'yaml'
import type { z } from 'zod'
import { plain } from '../model/plain-text.js'
import { RunnerError } from '../model/runner-error.js'
import type { YamlFile } from './read-yaml.js'

/** A file, as errors speak of it. */
export interface Source {
  code: 'CONFIG_INVALID' | 'BUILD_INVALID'
  /** What it is called. */
  where: string
  /** Where its keys are described. */
  docs: string
}

/** One thing that is wrong. */
export interface Problem {
  /** From 1. */
  line: number
  /** Keys from the root, with dots; empty: the whole file. */
  path: string
  problem: string
}

/** Nobody reads more at once. */
const mostProblems = 20

/**
 * The value of a file by its schema, defaults filled in.
 *
 * @throws RunnerError of the source's code, with every problem, each with its path and line
 */
export function validated<Schema extends z.ZodType>(schema: Schema, file: YamlFile, source: Source): z.output<Schema> {
  const result = schema.safeParse(file.value, { reportInput: true })
  if (result.success) return result.data
  const problems = result.error.issues
    .flatMap((issue) => problemsOf(issue, []))
    .map(({ path, problem }) => ({ line: lineOf(file, path), path: shownPath(path), problem }))
  throw invalidFile(source, problems)
}

export function invalidFile({ code, where, docs }: Source, problems: readonly Problem[]): RunnerError {
  const shown = [...problems].sort((a, b) => a.line - b.line).slice(0, mostProblems)
  const lines = shown.map(({ line, path, problem }) => `${where}:${line}: ${path === '' ? '' : `${path}: `}${problem}`)
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []
  return new RunnerError(
    code,
    [...lines, ...more].map((text) => plain(text)).join('\n'),
    `mend the file; ${docs} describes every key`,
  )
}

type Path = readonly PropertyKey[]
interface Placed {
  path: Path
  problem: string
}

function problemsOf(issue: z.core.$ZodIssue, at: Path): Placed[] {
  const path = [...at, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys': {
      // The schema's message has a line for each of its keys: see `strict`.
      const messages = issue.message.split('\n')
      return issue.keys.map((key, index) => ({ path: [...path, key], problem: messages[index] ?? 'unknown key' }))
    }
    case 'invalid_union': {
      // The branch that the value was meant for is the one that got past its type.
      const meant = issue.errors.find((errors) => !errors.some(isOtherKind))
      if (meant !== undefined) return meant.flatMap((inner) => problemsOf(inner, path))
      return [{ path, problem: `${issue.message}, and is ${kindOf(issue.input)}` }]
    }
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => problemsOf(inner, path))
    case 'invalid_type': {
      // Half a minute is a number, too: the message says what kind of number is wanted.
      const isKnown = typeof issue.input === 'number' && issue.expected !== 'string'
      return [{ path, problem: isKnown ? issue.message : `${issue.message}, and is ${kindOf(issue.input)}` }]
    }
    default:
      return [{ path, problem: issue.message }]
  }
}

function isOtherKind({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}

/** A value is not shown: it may be a password that was written in the wrong place. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'text'
  return typeof value === 'object' ? 'a map' : typeof value === 'boolean' ? 'true or false' : 'a number'
}

function shownPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key)
    if (!/^[\w-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

/** The line of the key or item that a path leads to; of the last part of it that is there. */
function lineOf({ document, lines }: YamlFile, path: Path): number {
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? 0
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      if (pair === undefined) break
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[key as number]
      offset = (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? offset
    } else break
  }
  return lines.linePos(offset).line
}
