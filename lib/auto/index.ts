/**
 * `node --import shm-liveness/auto app.js`: the event loops of a program that nobody changed beat by themselves. See
 * docs/auto.md. It exports nothing, and no failure of it reaches the program.
 */
import { supervise } from './supervise.js'

supervise()
