/** All rules, in the order of the table in docs/operations.md. */
import { execIsNoShell, probeNotExecutable, probeNotInstalled } from './executables.js'
import { guardElsewhere } from './guarding.js'
import { fileProbe, identicalProbes } from './handlers.js'
import { localImage } from './images.js'
import { ephemeralStorage, kataHostNetwork, kataLimits, kataSubPath } from './kata.js'
import { terminationLog, terminationLogPath } from './records.js'
import { invalidProbe, unreadableDuration } from './refused.js'
import { guardOnLoopback, guardUnanswered, sidecarLiveness } from './requests.js'
import type { Rule } from './rule.js'
import {
  hostIpc,
  hostNetworkPort,
  portShared,
  regionShared,
  sharedMemoryOnDisk,
  sharedMemoryReplaced,
} from './sharing.js'
import {
  confirmTimeout,
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
  ...[
    noStartupProbe,
    startupPeriod,
    startupBeforeGrace,
    livenessBeforeReadiness,
    execTimeout,
    confirmTimeout,
    failureThreshold,
  ],
  ...[terminationGrace, maxAgeBeyondProbe, guardGrace, execCost],
  ...[identicalProbes, fileProbe, execIsNoShell, terminationLog, terminationLogPath, invalidProbe, unreadableDuration],
  ...[regionShared, portShared, hostNetworkPort, hostIpc, sharedMemoryReplaced, sharedMemoryOnDisk],
  ...[probeNotExecutable, probeNotInstalled, sidecarLiveness, guardOnLoopback, guardUnanswered, guardElsewhere],
  localImage,
  ...[kataSubPath, kataHostNetwork, kataLimits, ephemeralStorage],
]
