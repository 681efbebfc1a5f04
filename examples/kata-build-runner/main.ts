#!/usr/bin/env node
/**
 * `npm run build-runner -- run --config executor.yaml build.yaml`: builds on Kubernetes, in Kata virtual machines, under
 * shm-guard. README.md says what for, docs/ says how.
 */
import { processHost } from './cli/host.js'
import { collectSooner } from './cli/memory.js'
import { runProgram, toldExitCode } from './cli/program.js'

// A reader that closes our output (head) ends neither us nor the build: it goes on, and its outcome is the exit status. Of
// standard output that is said (`Screen`); of standard error there is nowhere left to say it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.on('uncaughtException', (error) => {
  process.exit(toldExitCode(error, processHost))
})

collectSooner()
await runProgram(process.argv.slice(2), processHost)
