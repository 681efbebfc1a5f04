/** All rules, in the order of the table in docs/operations.md. */
import { probeNotExecutable, probeNotInstalled } from './executables.js'
import { guardElsewhere } from './guarding.js'
import { fileProbe, identicalProbes } from './handlers.js'
import { imageNotPullable } from './images.js'
import { ephemeralStorage, kataHostNetwork, kataLimits, kataSubPath } from './kata.js'
import { malformedField } from './malformed.js'
import { hostIpc, sharedMemoryOnDisk, sharedMemoryReplaced } from './memory.js'
import { otherQuestion } from './questions.js'
import { terminationLog, terminationLogPath } from './records.js'
import { refusedByProgram, unknownVariable } from './refusals.js'
import { invalidProbe } from './refused.js'
import { guardOnLoopback, guardUnanswered, sidecarLiveness } from './requests.js'
import type { Rule } from './rule.js'
import { hostNetworkPort, portShared, regionShared } from './sharing.js'
import { execIsNoShell } from './shell.js'
import {
  confirmTimeout,
  execCost,
  execTimeout,
  failureThreshold,
  guardGrace,
  livenessBeforeReadiness,
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
  ...[terminationGrace, guardGrace, execCost],
  ...[otherQuestion, identicalProbes, fileProbe, execIsNoShell, terminationLog, terminationLogPath],
  ...[refusedByProgram, unknownVariable, invalidProbe, malformedField],
  ...[regionShared, portShared, hostNetworkPort, hostIpc, sharedMemoryReplaced, sharedMemoryOnDisk],
  ...[
    probeNotExecutable,
    probeNotInstalled,
    imageNotPullable,
    sidecarLiveness,
    guardOnLoopback,
    guardUnanswered,
    guardElsewhere,
  ],
  ...[kataSubPath, kataHostNetwork, kataLimits, ephemeralStorage],
]
