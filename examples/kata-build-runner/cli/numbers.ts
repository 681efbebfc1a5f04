import { InvalidArgumentError } from 'commander'

/** Of a flag: a whole number from 1 on. */
export function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It is no whole number from 1 on.')
  return Number(text)
}
