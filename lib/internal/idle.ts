import { invalid } from '../errors.js'
import type { NativeHeartbeat } from './native.js'
import { isSupportedPlatform } from './platform.js'

const reactions = ['throw', 'do-nothing'] as const

/** Whether a claim is to do nothing, because it asks for that and the platform leaves nothing else to do. */
export function isIdle(unsupportedPlatform: (typeof reactions)[number] = 'throw'): boolean {
  if (!reactions.includes(unsupportedPlatform)) {
    throw invalid('unsupportedPlatform', reactions.join(' or '), unsupportedPlatform)
  }
  return unsupportedPlatform === 'do-nothing' && !isSupportedPlatform()
}

/** In place of the addon's heartbeat: until stop() it answers as one that holds its slot. Nobody can see it. */
export function idleHeartbeat(): NativeHeartbeat {
  let isHeld = true
  const held = () => isHeld
  return {
    beat: held,
    id: 0,
    words: null,
    ready: held,
    notReady: held,
    beginPhase: held,
    endPhase: held,
    stop: () => {
      isHeld = false
    },
    watchStacks: () => null,
    get claimed() {
      return isHeld
    },
    fault: null,
    comebacks: 0,
  }
}
