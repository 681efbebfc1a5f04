/** Reading the values of flags that several commands have. */
import { InvalidArgumentError } from 'commander'
import type { RestartingProbeSettings } from '../../kubernetes/index.js'

/** `periodSeconds=1,failureThreshold=2`: the API's names, and whole numbers; `probes()` checks which and how much. */
export function probeSettings(text: string): RestartingProbeSettings {
  const entries = text.split(',').map((part) => {
    const match = /^\s*([A-Za-z]+)=(\d+)\s*$/.exec(part)
    if (match === null) throw new InvalidArgumentError('Write FIELD=NUMBER, as in periodSeconds=1,failureThreshold=2.')
    return [match[1] as string, Number(match[2])]
  })
  return Object.fromEntries(entries)
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
}

/** For a flag that may be repeated. */
export function collected(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/** A JSON list, or words between blanks. No shell reads them: its quotes would be part of the words. */
export function words(text: string): string[] {
  if (!text.trimStart().startsWith('[')) {
    if (/["'\\]/.test(text)) {
      throw new InvalidArgumentError('Words have no quotes and no \\ here; write a JSON list: \'["/entry", "a b"]\'.')
    }
    return text.split(/\s+/).filter((word) => word !== '')
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('Write words, or a JSON list of texts: \'["/entrypoint.sh", "serve"]\'.')
  }
}

export function oneOf<const Words extends readonly string[]>(...known: Words): (text: string) => Words[number] {
  return (text) => {
    if (!known.includes(text)) throw new InvalidArgumentError(`Write ${known.join(' or ')}.`)
    return text
  }
}
