import { spawn } from 'node:child_process'
import { probePath } from 'shm-liveness'

export interface Answer {
  line: string
  exitCode: number
  ms: number
}

/** One run of the real shm-probe, as the kubelet would exec it. */
export function probe(region: string): Promise<Answer> {
  const began = performance.now()
  const child = spawn(probePath(), ['--region', region], { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ line: output.trim() || '(prints nothing)', exitCode: code ?? -1, ms: performance.now() - began })
    })
  })
}

/** Probes until the exit code is the wanted one; says how long that took from now. */
export async function probeUntil(region: string, exitCode: number): Promise<Answer & { afterMs: number }> {
  const began = performance.now()
  for (;;) {
    const answer = await probe(region)
    const afterMs = performance.now() - began
    if (answer.exitCode === exitCode) return { ...answer, afterMs }
    if (afterMs > 10_000) throw new Error(`the probe did not come to exit ${exitCode}: ${answer.line}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function tell(what: string, answer: Answer & { afterMs?: number }): void {
  const after = answer.afterMs === undefined ? '' : `, ${answer.afterMs.toFixed(0)} ms after the event`
  console.log(`\n${what}\n  ${answer.line}\n  exit ${answer.exitCode}, probe took ${answer.ms.toFixed(1)} ms${after}`)
}
