import type { Session } from '../support/session.js'
import type { Row } from '../table.js'
import { auto } from './auto.js'
import { beat, coarse, counted, cpp } from './beat.js'
import { builds } from './builds.js'
import { crowd, crowd4096 } from './crowd.js'
import { garbage } from './garbage.js'
import { idle } from './idle.js'
import { interference } from './interference.js'
import { livez } from './livez.js'
import { passThrough } from './pass-through.js'
import { progress } from './progress.js'
import { python } from './python.js'
import { death, stall } from './reaction.js'
import { size, syscalls } from './size.js'
import { spawn } from './spawn.js'
import { stacks } from './stacks.js'
import { starved } from './starved.js'
import { top } from './top.js'
import { watcher } from './watcher.js'
import { wire } from './wire.js'
import { workers } from './workers.js'

/** What `--only` names, in the order of the table. */
export const parts: Record<string, (session: Session) => Promise<Row[]>> = {
  beat,
  coarse,
  counted,
  cpp,
  python,
  garbage,
  stacks,
  auto,
  spawn,
  size,
  syscalls,
  workers,
  crowd,
  interference,
  stall,
  death,
  idle,
  livez,
  top,
  'pass-through': passThrough,
  builds,
  watcher,
  wire,
}

/** What `--only` names besides: too heavy for a run of all parts. */
export const heavyParts: Record<string, (session: Session) => Promise<Row[]>> = {
  'crowd-4096': crowd4096,
  progress,
  starved,
}
