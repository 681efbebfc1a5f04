import type { BuildApi } from '../api/build-api.js'
import type { LogAccount } from './account.js'
import type { Mark } from './marks.js'

export interface FollowLogOptions {
  pod: string
  container: string
  nonce: string
  /** Ends the following at once; the account is what it is by then. */
  signal: AbortSignal
  /** Whether the container has ended, so that no more is written. */
  isEnded: () => boolean
  /** Gets the build's own output, in order, byte for byte. While it returns an open promise nothing more is read. */
  onOutput: (bytes: Uint8Array) => void | Promise<void>
  onMark: (mark: Mark) => void
  /** What the API server, or the kubelet, says in place of the log. */
  onTrouble?: (text: string) => void
}

export type FollowLog = (api: Pick<BuildApi, 'openLog'>, options: FollowLogOptions) => Promise<LogAccount>
