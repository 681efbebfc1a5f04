import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 collect garbage of long-lived objects when the heap has grown by half. On a machine with much memory it lets the
 * heap grow to more than three times what is in use, and it keeps what it once had: 500 builds take 470 MiB instead of
 * 260. Costs a quarter more of CPU. V8 reads this flag before each collection, so it may be set in a running process.
 */
export function collectSooner(): void {
  setFlagsFromString('--heap-growing-percent=50')
}
