/**
 * `$(NAME)` as the kubelet replaces it (`third_party/forked/golang/expansion`), and what of it can be known from a
 * manifest. A value that comes from elsewhere (`valueFrom`, `envFrom`, a Service) is {@link unknownText} here.
 */
import { fieldOf, isFields, objectsOf, textOf } from './shape.js'
import type { Container } from './types.js'

/** Stands for any text that cannot be known here; no argument and no variable can hold it. */
export const unknownText = '\0'

export function isKnown(text: string): boolean {
  return !text.includes(unknownText)
}

const placeholder = /\{\{.*?\}\}/gs

/**
 * Replaces each `$(NAME)` that has a value. `$$` is a dollar sign, a name without a value stays as it is. What a template
 * engine (Argo, Helm) will put in place of `{{ … }}` is not known either.
 */
export function expanded(text: string, lookUp: (name: string) => string | undefined): string {
  return text
    .replace(placeholder, unknownText)
    .replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) =>
      name === undefined ? '$' : (lookUp(name) ?? match),
    )
}

/** The environment that a container's processes have, as far as its manifest shows it. */
export interface Environment {
  /** Declared variables. Parts of a value may be {@link unknownText}. */
  values: ReadonlyMap<string, string>
  /** Whether a variable that is not declared may be there all the same. */
  mayHave(name: string): boolean
}

export const emptyEnvironment: Environment = { values: new Map(), mayHave: () => false }

export function environmentOf(container: Container): Environment {
  const prefixes = objectsOf(fieldOf(container, 'envFrom') as object[]).map(
    (source) => textOf(fieldOf(source, 'prefix')) ?? '',
  )
  const mayHave = (name: string): boolean => prefixes.some((prefix) => name.startsWith(prefix))
  const values = new Map<string, string>()
  const environment = { values, mayHave }
  for (const entry of objectsOf(container.env)) {
    const { name, value, valueFrom } = entry
    if (typeof name !== 'string') continue
    values.set(name, value ? commandWord(String(value), environment) : isFields(valueFrom) ? unknownText : '')
  }
  return environment
}

/** The variables that the kubelet sets for each Service of the namespace. */
function isOfService(name: string): boolean {
  return /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\w+)?)$/.test(name)
}

/**
 * A word of `command` or `args`, or a value of `env`: the kubelet replaces `$(NAME)` by the value that the container will
 * have. In a value these are the variables that are declared before it.
 */
export function commandWord(word: string, { values, mayHave }: Environment): string {
  return expanded(word, (name) => values.get(name) ?? (mayHave(name) || isOfService(name) ? unknownText : undefined))
}

/** A word of a hook's exec, in which the kubelet replaces nothing. */
export function hookWord(word: string): string {
  return word.replace(placeholder, unknownText)
}

/**
 * A word of a probe's exec. There the kubelet knows only the literal values of `env`: one that has `valueFrom` is empty,
 * and one of `envFrom` stays `$(NAME)` (`ExpandContainerCommandOnlyStatic`).
 */
export function probeWord(word: string, container: Container): string {
  const env = objectsOf(container.env)
  return expanded(word, (name) => {
    const entry = env.findLast((variable) => variable.name === name)
    return entry === undefined ? undefined : (textOf(entry.value) ?? '')
  })
}
