/**
 * A counted beat, in code that V8 compiles into the caller's loop.
 *
 * `words` is a CountWindow of the core: word 0 says where the count lies in the array. It is 0 where there is nothing to
 * count in: after stop(), after the region was lost, in a forked child, and once a second, so that `attend` can look
 * whether the region is still there. `attend` counts, too, if there is a slot to count in.
 *
 * Why readers in other processes see a plain store: V8 has no right to keep it back over the calls and stack checks of a
 * loop, an aligned word is stored whole, and nobody else writes it. `Atomics` would cost ten times as much.
 *
 * One function makes all of these closures. So V8 knows them as the same code, and inlines it also at a call site where
 * several heartbeats meet. The `| 0` makes the addition one of 32 bits, which wraps around and leaves no garbage.
 */
export function compiledBeat(words: ArrayBuffer, attend: () => boolean): () => boolean {
  const array = new Int32Array(words)
  return () => {
    const at = array[0] as number
    if (at === 0) return attend()
    array[at] = ((array[at] as number) + 1) | 0
    return true
  }
}
