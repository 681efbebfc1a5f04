/**
 * `one-megahertz REGION`: a loop whose turn takes about a microsecond, with counted beats and without, in turns. Prints
 * `running`, and then, as JSON, the nanoseconds of a turn with its beat, and of the beat alone: medians of the chunks.
 */
import { Heartbeat } from 'shm-liveness'

const heartbeat = Heartbeat.claim({ region: process.argv[2], name: 'loop', maxAge: '250ms', clock: 'counted' })
const turnsPerChunk = 2_000
const chunks = 2_000

const samples = new Float64Array(512)
let level = 1

/** A turn's work: a step of a filter over a window of samples. */
function work(size: number): void {
  let sum = 0
  for (let i = 0; i < size; i++) {
    samples[i] = (samples[i] as number) * 0.5 + level
    sum += samples[i] as number
  }
  level = 1 / (1 + sum)
}
function silent(size: number): void {
  for (let i = 0; i < turnsPerChunk; i++) work(size)
}
function beating(size: number): void {
  for (let i = 0; i < turnsPerChunk; i++) {
    work(size)
    heartbeat.beat()
  }
}

function nsPerTurn(chunk: (size: number) => void, size: number): number {
  const began = process.hrtime.bigint()
  chunk(size)
  return Number(process.hrtime.bigint() - began) / turnsPerChunk
}
function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}

// As much work as makes a microsecond on this machine.
const measure = (size: number) => median(Array.from({ length: 200 }, () => nsPerTurn(silent, size)))
measure(256)
const size = Math.max(1, Math.min(512, Math.round((256 * 1_000) / measure(256))))
heartbeat.beat()
console.log('running')

const turns: number[] = []
const beats: number[] = []
for (let chunk = 0; chunk < chunks; chunk++) {
  const without = nsPerTurn(silent, size)
  const withBeats = nsPerTurn(beating, size)
  turns.push(withBeats)
  beats.push(withBeats - without)
}
heartbeat.stop()
console.log(JSON.stringify({ turnNs: median(turns), beatNs: Math.max(0, median(beats)) }))
