#!/usr/bin/env node
import { run } from './run.js'
import { main } from './run-main.js'

await main('shm-liveness', run)
