import { invalid } from '../errors.js'
import type { Stacks } from '../types.js'
import type { NativeHeartbeat } from './native.js'
import { untriedReason } from './tried-versions.js'

export interface StacksWish {
  isWanted: boolean
  /** Whether somebody has asked for them, and so is told if they cannot be taken. */
  isExplicit: boolean
}

/** What a claim asks for: as its options say, else as the environment does, else yes. */
export function stacksWishOf(option: boolean | undefined): StacksWish {
  if (option !== undefined && typeof option !== 'boolean') throw invalid('stacks', 'true or false', option)
  if (option !== undefined) return { isWanted: option, isExplicit: true }
  const value = process.env['SHM_LIVENESS_STACKS']
  if (value === undefined || value === '') return { isWanted: true, isExplicit: false }
  if (value === '1' || value === 'true') return { isWanted: true, isExplicit: true }
  if (value === '0' || value === 'false') return { isWanted: false, isExplicit: true }
  throw invalid('SHM_LIVENESS_STACKS', '0 or 1', value)
}

/** Begins to watch a heartbeat's thread. Never fails: a worker without stacks works. */
export function beginStacks(heartbeat: NativeHeartbeat, name: string, { isWanted, isExplicit }: StacksWish): Stacks {
  if (!isWanted) return { by: 'none', reason: 'switched off' }
  const untried = untriedReason(process.versions)
  if (untried !== undefined && !isExplicit) return { by: 'none', reason: `${untried}; stacks: true asks for them` }
  const reason = heartbeat.watchStacks()
  if (reason === null) return { by: 'interrupt' }
  if (isExplicit) {
    const message = `stacks of worker "${name}" cannot be taken: ${reason}. It is supervised all the same.`
    process.emitWarning(message, { type: 'LivenessWarning', code: 'NO_STACKS' })
  }
  return { by: 'none', reason }
}
