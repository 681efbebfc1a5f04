/**
 * How a heartbeat's `beat` is done. One function of this module makes all beats of a kind, so V8 knows them as the same
 * code: it compiles them in place, also at a call site where several heartbeats meet.
 */
import { type NativeHeartbeat, type NativeSharedBeat, native } from './native.js'
import { untriedReason } from './tried-versions.js'

/** How all heartbeats of an environment beat that are not counted in compiled code. */
export interface SharedBeat {
  words: ArrayBuffer
  beat: () => void
  implementation: 'fast' | 'native'
}

/** The cheapest that this runtime has. Never fails: Node-API is everywhere. */
export function sharedBeatOf(shared: NativeSharedBeat, versions: NodeJS.ProcessVersions): SharedBeat {
  const fast = untriedReason(versions) === undefined ? shared.makeFastBeat() : null
  const implementation = fast === null ? 'native' : 'fast'
  return { words: shared.words, beat: fast ?? shared.beat, implementation }
}

let chosen: SharedBeat | undefined

/** That of this environment. */
export function sharedBeat(): SharedBeat {
  chosen ??= sharedBeatOf(native().sharedBeat, process.versions)
  return chosen
}

export function beatOf(shared: Pick<SharedBeat, 'words' | 'beat'>, heartbeat: NativeHeartbeat): () => boolean {
  const { words, beat, id } = heartbeat
  return words === null ? nativeBeat(shared, id, beat) : compiledBeat(words, beat)
}

/**
 * By a call into the addon, always of the same function.
 *
 * `alone` is the heartbeat's own function. It is called where the shared one did nothing: about once a second, and while
 * there is no slot. This closure keeps it, and it keeps the heartbeat's native side. So no other heartbeat gets the id.
 */
function nativeBeat(shared: Pick<SharedBeat, 'words' | 'beat'>, id: number, alone: () => boolean): () => boolean {
  const words = new Int32Array(shared.words)
  const beatForCurrent = shared.beat
  const beat = () => {
    words[0] = id
    beatForCurrent()
    return words[1] === 0 || alone()
  }
  return beat
}

/**
 * A counted beat, in code that V8 compiles into the caller's loop.
 *
 * `memory` is a CountWindow of the core: word 0 says where the count lies in the array. It is 0 where there is nothing to
 * count in: after stop(), after the region was lost, in a forked child, and once a second, so that `attend` can look
 * whether the region is still there. `attend` counts, too, if there is a slot to count in.
 *
 * Why readers in other processes see a plain store: V8 cannot keep it back over the stack check of each turn of a loop, an
 * aligned word is stored whole, and nobody else writes it. `Atomics` would cost ten times as much. The `| 0` makes the
 * addition one of 32 bits, which wraps around and leaves no garbage.
 */
function compiledBeat(memory: ArrayBuffer, attend: () => boolean): () => boolean {
  const words = new Int32Array(memory)
  const beat = () => {
    const at = words[0] as number
    if (at === 0) return attend()
    words[at] = ((words[at] as number) + 1) | 0
    return true
  }
  return beat
}
