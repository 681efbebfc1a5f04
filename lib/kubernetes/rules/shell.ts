/** Rules on exec probes that are written as if a shell read them, or as if a shell read more of them than it does. */
import { probeWord } from '../expansion.js'
import { baseName, fieldOf, isFields, objectsOf, textOf } from '../shape.js'
import type { Container } from '../types.js'
import { argvOf, firstOperand, isShell, scriptOf, wrappers } from './programs.js'
import { type Observation, probesOf, type Rule } from './rule.js'

export const execIsNoShell: Rule = {
  id: 'exec-is-no-shell',
  severity: 'error',
  reason:
    'The kubelet execs the list as it is, without a shell: a command line in one text is a program of that name, which ' +
    'is missing ("Unknown", never a restart); ||, >, $(...) and $NAME are plain arguments. It replaces $(NAME) alone, ' +
    'by the literal values of env. A shell reads one text after -c.',
  remedy:
    'Write one list item for each word, and variables as $(NAME); what needs a shell runs by [sh, -c, "..."], all of it ' +
    'in one text.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, probe, path }) => {
      const fault = faultOf(argvOf(probe), member.container)
      return fault === undefined ? [] : [{ path, container: member.name, ...fault }]
    }),
}

type Fault = Pick<Observation, 'message' | 'severity'>

function faultOf(argv: string[], container: Container): Fault | undefined {
  const [program = ''] = argv
  const text = commandLineIn(program)
  if (text !== undefined) return text
  const at = shellIn(argv)
  if (at !== undefined) {
    const fault = shellFault(argv.slice(at))
    if (fault !== undefined) return { message: fault }
    if (scriptOf(argv.slice(at)) !== undefined) return undefined
  }
  const odd = argv.slice(1).find((word) => isForShell(word, argv, container))
  if (odd !== undefined) return { message: `the argument "${odd}" is for a shell, and none reads it` }
  const gone = argv.slice(1).find((word) => hasVariableFromElsewhere(word, container))
  return gone === undefined
    ? undefined
    : { message: `the kubelet puts nothing in place of "${gone}": in a probe it knows only literal values of env` }
}

/** A program's path may hold blanks. A text is a command line if what follows a blank cannot go on with a path. */
function commandLineIn(program: string): Fault | undefined {
  // Blanks are common in paths of Windows.
  if (!/\s/.test(program) || program.includes('\\')) return undefined
  const message = `"${program}" is one text, and no program of that name is there`
  const [first = '', ...more] = program.split(/\s/)
  const isLine = !first.includes('/') || more.some((word) => /^$|^[-/$"'|>]|:\/\//.test(word))
  if (isLine) return { message }
  // "/opt/Camera Tools/check" goes on with its path; "/bin/alive now" may be either.
  return more.at(-1)?.includes('/') ? undefined : { message, severity: 'warning' }
}

/** Where in an argv a shell is started: by itself, behind a wrapper, or with a script wherever it stands. */
function shellIn(argv: string[]): number | undefined {
  const isWrapped = wrappers.has(baseName(argv[0] ?? ''))
  const at = argv.findIndex(
    (word, index) => isShell(word) && (index === 0 || isWrapped || /^-[a-z]*c/.test(argv[index + 1] ?? '')),
  )
  return at < 0 ? undefined : at
}

function shellFault(argv: string[]): string | undefined {
  const given = scriptOf(argv)
  const name = baseName(argv[0] ?? '')
  if (given === undefined) {
    const script = argv[1 + firstOperand(argv.slice(1))]
    if (script === undefined || commandLineIn(script) === undefined) return undefined
    return `${name} takes "${script}" for the name of a file: without -c it runs no command line`
  }
  const { script, more } = given
  if (script.trim() === '') return `${name} -c has no script to run`
  // A label for $0 is usual; a script that asks for its words has them.
  const isLabel = more.length === 1 && (/^-*$/.test(more[0] as string) || isShell(more[0] as string))
  if (more.length === 0 || isLabel || script.includes('$') || /\s/.test(script.trim())) return undefined
  const without = ['exec', 'exit', ':', 'true'].includes(script.trim()) ? ', and always passes' : ''
  return `${name} -c runs "${script}" alone, without "${more.join(' ')}"${without}`
}

/** Words that mean something to a shell alone. */
const shellWords = new Set([
  ...['|', '||', '&', '&&', ';', '>', '>>', '<', '<<', '2>', '2>&1', '&>'],
  ...['>/dev/null', '2>/dev/null'],
])
const comparing = ['<', '>', '|', '&']
/** Programs to which some of them mean something, too. */
const operators = new Map([
  ['test', comparing],
  ['[', comparing],
  ['expr', comparing],
  ['find', [';']],
])

/** Programs with a language of their own, in which a dollar sign is theirs. */
const interpreters =
  /^(awk|gawk|mawk|sed|grep|egrep|perl|python[\d.]*|ruby|php\d*|node|deno|bun|lua|jq|yq|mongo|mongosh|tclsh|expect|envsubst|(cmd|pwsh|powershell)(\.exe)?)$/

function isForShell(word: string, argv: string[], container: Container): boolean {
  if (word.startsWith('`')) return true
  const left = probeWord(word, container)
  // What the kubelet has not replaced: of $$(NAME) it leaves a text that somebody wants so.
  if (word.startsWith('$(') && left.startsWith('$(')) return true
  if (hasShellVariable(word, argv, container)) return true
  const isMeant = argv.some((other) => !other.includes(':') && operators.get(baseName(other))?.includes(word))
  return shellWords.has(word) && !isMeant
}

/** `$NAME` or `${NAME}`: in capitals as variables are, or of a variable that the container declares. */
function hasShellVariable(word: string, argv: string[], container: Container): boolean {
  if (argv.some((program) => interpreters.test(baseName(program)))) return false
  const declared = new Set(objectsOf(container.env).map(({ name }) => name))
  return [...word.matchAll(/(?<!\$)\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*)(?!\w*\$))/g)].some(
    ([, braced, bare]) => {
      const name = braced ?? bare ?? ''
      return /^[A-Z_][A-Z0-9_]+$/.test(name) || braced !== undefined || declared.has(name)
    },
  )
}

/** Whether a word holds `$(NAME)` of a variable that has `valueFrom`: the kubelet leaves such a place empty. */
function hasVariableFromElsewhere(word: string, container: Container): boolean {
  return [...word.matchAll(/(?<!\$)\$\(([^)]*)\)/g)].some(([, name]) => {
    const entry = objectsOf(container.env).findLast((variable) => variable.name === name)
    return entry !== undefined && isFields(entry.valueFrom) && !textOf(fieldOf(entry, 'value'))
  })
}
