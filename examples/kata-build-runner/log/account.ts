/** Bytes that are missing, somewhere between two marks. */
export interface Gap {
  /** The position in the build's stream after which they are missing: all before it is accounted for. */
  afterByte: number
  bytes: number
}

/** What came of a build's log. Bytes are those of the stream that the guard writes, its own lines included. */
export interface LogAccount {
  /** Received, each counted once. */
  bytes: number
  lostBytes: number
  gaps: Gap[]
  /** Dropped, since they had come before. */
  repeatedBytes: number
  reconnects: number
  /** Whether the guard's final mark came: without it the end of the log, of unknown size, is missing. */
  isClosed: boolean
  /** Marks that cannot be true: forged by the build, or bytes came twice without being recognised. */
  inconsistencies: number
}
