import { describe, expect, it } from 'vitest'
import { schedulingWords } from '../../../examples/kata-build-runner/watch/scheduling.js'
import { pod } from './shapes.js'

const words = (message: string, spec = {}) => schedulingWords(message, pod({ node: null, spec }))

describe("the scheduler's message", () => {
  it('names each of our settings that keeps nodes away', () => {
    const { text, remedy } = words(
      '0/9 nodes are available: 1 Insufficient cpu, 2 Insufficient memory, 3 Insufficient ephemeral-storage, 3 node(s) had untolerated taint {gpu: yes}.',
    )
    expect(text).toBe(
      'none of 9 nodes can take it: 1 too little CPU free (the build asks for 6), 2 too little memory free (the build asks for 12Gi), 3 too little disk free (the build asks for 20Gi), 3 with a taint that the build does not tolerate (gpu: yes)',
    )
    for (const setting of ['tier.cpu', 'tier.memory', 'tier.disk', 'nodeSelectors']) expect(remedy).toContain(setting)
  })

  it("adds the RuntimeClass's overhead, which counts, too, and its node selector", () => {
    expect(words('0/1 nodes are available: 1 Insufficient cpu.', { overhead: { cpu: '250m' } }).text).toContain(
      'asks for 6 + 250m overhead',
    )
    const { text } = words("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", {
      nodeSelector: { kata: 'true' },
    })
    expect(text).toContain('(kata=true, dedicated=screwdriver-kata)')
  })

  it('repeats what it does not know', () => {
    expect(words('0/2 nodes are available: 2 node(s) had volume node affinity conflict.').text).toBe(
      'none of 2 nodes can take it: 2 had volume node affinity conflict',
    )
    expect(
      words(
        '0/1 nodes are available: 1 node(s) were odd. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
      ).text,
    ).toBe('none of 1 nodes can take it: 1 were odd')
    expect(words('no nodes available to schedule pods').text).toBe('no nodes available to schedule pods')
  })

  it('tells want of room, which may pass, from labels and taints, which do not', () => {
    expect(
      words("0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match Pod's node affinity/selector.").mayPass,
    ).toBe(true)
    expect(
      words(
        "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match Pod's node affinity/selector.",
      ).mayPass,
    ).toBe(false)
    expect(words('0/1 nodes are available: 1 node(s) were unschedulable.').mayPass).toBe(true)
  })
})
