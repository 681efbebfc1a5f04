#!/usr/bin/env node
/** `npm run buildkit-ci -- render --config ci.yaml`: README.md says what for, docs/ says how. */
import { processHost } from '../kata-build-runner/cli/host.js'
import { runProgram, toldExitCode } from './cli/program.js'

// A reader that closes our output (head) ends nothing; what is left to say is not said.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.on('uncaughtException', (error) => {
  process.exit(toldExitCode(error, processHost))
})

await runProgram(process.argv.slice(2), processHost)
