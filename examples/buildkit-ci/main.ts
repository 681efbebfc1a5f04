#!/usr/bin/env node
/** `npm run buildkit-ci -- watch --addr unix:///run/buildkit/buildkitd.sock`: README.md says what for, docs/ says how. */
import { runProgram } from './cli/program.js'

process.exitCode = await runProgram(process.argv.slice(2))
