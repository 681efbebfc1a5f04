/**
 * A foreign text as it may be shown on a terminal: no control characters, which could move the cursor or set its
 * colours, and none that turn the direction of writing around. One line.
 */
export function plain(text: string, mostCharacters = 1000): string {
  const line = text.replace(/[\s\p{Zl}\p{Zp}]+/gu, ' ')
  return shortened(harmless(line).trim(), mostCharacters)
}

/** The same of a text that has lines of its own: an error with its remedy, a stack. */
export function plainLines(text: string): string {
  return text.split('\n').map(harmless).join('\n')
}

/** What `plain` says, for a text that programs compare: nothing is cut off, and spaces stay as they are. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/** At most so many characters; what was cut off is shown by an ellipsis. */
export function shortened(text: string, mostCharacters: number): string {
  const characters = [...text]
  return characters.length <= mostCharacters
    ? text
    : `${characters.slice(0, Math.max(0, mostCharacters - 1)).join('')}…`
}
