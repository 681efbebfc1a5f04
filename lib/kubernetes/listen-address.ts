/** Where a guard listens, read as `probe/guard/address.hpp` does; a test holds both together. */

/** `0.0.0.0:9808`, `[::]:9808`, `:9808` in its parts. */
export interface ListenAddress {
  port: number
  /** Whether it can be reached from within the pod only, and so not by the kubelet. */
  isLoopback: boolean
}

/** undefined: the guard refuses it. */
export function listenAddressOf(text: string): ListenAddress | undefined {
  const [, host, digits] = /^(.*):(\d+)$/s.exec(text) ?? []
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65535) return undefined
  // No host is every address of both families.
  const isLoopback = host === '' ? false : isLoopbackHost(host)
  return isLoopback === undefined ? undefined : { port, isLoopback }
}

/** Whether a host (`127.0.0.1`, `[::1]`) is the pod's own loopback; undefined if the guard does not read it. */
export function isLoopbackHost(host: string): boolean | undefined {
  const bracketed = /^\[(.*)\]$/s.exec(host)?.[1]
  if (bracketed === undefined) {
    const bytes = bytesOf(host)
    return bytes === undefined ? undefined : bytes[0] === 127
  }
  const groups = groupsOf(bracketed)
  if (groups === undefined) return undefined
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped) return (groups[6] as number) >> 8 === 127
  return groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1
}

function bytesOf(text: string): number[] | undefined {
  const parts = text.split('.')
  // No leading zero: some take it for octal.
  const isRead = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  return isRead ? parts.map(Number) : undefined
}

/** RFC 4291, without the dotted tail: groups of four digits, `::` at most once. */
export function groupsOf(text: string): number[] | undefined {
  const [before = [], behind, ...more] = text.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const count = before.length + (behind?.length ?? 0)
  const isWhole = behind === undefined ? count === 8 : count < 8 && more.length === 0
  const isRead = [...before, ...(behind ?? [])].every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))
  if (!isWhole || !isRead) return undefined
  const gap = Array<string>(8 - count).fill('0')
  return [...before, ...gap, ...(behind ?? [])].map((group) => Number.parseInt(group, 16))
}
