/** Asks the containers of pods, a few at a time. */
import { type ProbeQuestion, probeQuestions } from '../../kubernetes/probe-questions.js'
import type { Kubectl } from './kubectl.js'
import { type Pod, whyNotRunning } from './pods.js'
import { type ProbeAnswer, probeAnswerOf } from './probe-answer.js'

export interface Asked {
  pod: Pod
  /** undefined: no container is wired. */
  container: string | undefined
  /** The answer, or why there is none. */
  answer: ProbeAnswer | string
  /** When it came, by `performance.now()`. */
  atMs: number
}

export const notWired = 'not wired: no container has a probe that execs shm-probe, or shm-guard as its command'

/** One exec for each region of a pod, which usually is one for each pod. In the order of the pods. */
export async function askPods(kubectl: Kubectl, pods: readonly Pod[], concurrency: number): Promise<Asked[]> {
  const asked = pods.flatMap((pod): { pod: Pod; question: ProbeQuestion | undefined }[] => {
    const questions = probeQuestions(pod.spec)
    return questions.length === 0 ? [{ pod, question: undefined }] : questions.map((question) => ({ pod, question }))
  })
  const results: Asked[] = []
  let next = 0
  const turn = async (): Promise<void> => {
    for (let at = next++; at < asked.length; at = next++) {
      const { pod, question } = asked[at] as (typeof asked)[number]
      const answer = question === undefined ? notWired : await ask(kubectl, pod, question)
      results[at] = { pod, container: question?.container, answer, atMs: performance.now() }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, asked.length) }, turn))
  return results
}

async function ask(kubectl: Kubectl, pod: Pod, { container, command }: ProbeQuestion): Promise<ProbeAnswer | string> {
  const whyNot = whyNotRunning(pod, container)
  if (whyNot !== undefined) return whyNot
  const place = ['-n', pod.namespace, 'exec', pod.name, '-c', container]
  const { code, stdout, complaint } = await kubectl.run([...place, '--', ...command])
  const answer = code === undefined ? undefined : probeAnswerOf(stdout)
  if (answer !== undefined) return answer
  return complaint || `exit code ${code}, and what was printed is not the JSON of shm-probe`
}
