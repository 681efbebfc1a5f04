/** All rules, in the order of the table in docs/operations.md. */
import { fileProbe, identicalProbes, invalidProbe, terminationLog, unreadableDuration } from './handlers.js'
import { ephemeralStorage, kataHostNetwork, kataLimits, kataSubPath } from './kata.js'
import type { Rule } from './rule.js'
import {
  hostIpc,
  hostNetworkPort,
  portShared,
  probeNotExecutable,
  probeNotInstalled,
  regionShared,
  sharedMemoryOnDisk,
  sharedMemoryReplaced,
  sidecarLiveness,
} from './sharing.js'
import {
  execCost,
  execTimeout,
  failureThreshold,
  guardGrace,
  livenessBeforeReadiness,
  maxAgeBeyondProbe,
  noStartupProbe,
  startupBeforeGrace,
  startupPeriod,
  terminationGrace,
} from './timing.js'

export const rules: readonly Rule[] = [
  ...[noStartupProbe, startupPeriod, startupBeforeGrace, livenessBeforeReadiness, execTimeout, failureThreshold],
  ...[terminationGrace, maxAgeBeyondProbe, guardGrace, execCost],
  ...[identicalProbes, fileProbe, terminationLog, invalidProbe, unreadableDuration],
  ...[regionShared, portShared, hostNetworkPort, hostIpc, sharedMemoryReplaced, sharedMemoryOnDisk],
  ...[probeNotExecutable, probeNotInstalled, sidecarLiveness],
  ...[kataSubPath, kataHostNetwork, kataLimits, ephemeralStorage],
]
