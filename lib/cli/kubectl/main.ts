#!/usr/bin/env node
import { main } from '../run-main.js'
import { runPlugin } from './program.js'

await main('kubectl-liveness', runPlugin)
