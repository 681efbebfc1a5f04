/** `wire` on kinds of others, as text: what stays, and what is said on standard error. */
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const knative = `apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: vision # ours
spec:
  template:
    spec:
      containers:
        # the model server
        - image: vision:1
          command: [vision]
      timeoutSeconds: 60
`

describe('a Knative Service', () => {
  it('keeps its lines, and twice changes nothing', async () => {
    const args = ['wire', '--installer', 'image', '--restart', '3']
    const done = await shmLiveness(args, knative)
    expect(done).toMatchObject({ code: 0, stderr: '' })
    const lost = knative.split('\n').filter((line) => !done.stdout.includes(line))
    expect(lost).toEqual(['          command: [vision]'])
    expect(done.stdout).not.toMatch(/initContainers|volume|terminationGracePeriodSeconds/)
    expect(await shmLiveness(args, done.stdout)).toEqual({ ...done, stdout: done.stdout })
    expect((await shmLiveness(['lint'], done.stdout)).stdout).toBe('1 file, 1 pod, 0 errors, 0 warnings\n')
  })

  it('without a guard has all of its timeoutSeconds to end in, and wire says so', async () => {
    const { code, stderr } = await shmLiveness(['wire', '--installer', 'image'], knative)
    expect(code).toBe(0)
    expect(stderr).toMatch(/^shm-liveness: warning: Service\/vision: .*timeoutSeconds .*--guard.*\n$/)
  })

  it('is refused with its line, where it must be said how the executables come into it', async () => {
    expect(await shmLiveness(['wire'], `kind: Service\n---\n${knative}`)).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^shm-liveness: stdin:9: Service\/vision: Knative takes no init container, /),
    })
  })
})

describe('an Argo Workflow', () => {
  const workflow = 'kind: Workflow\napiVersion: argoproj.io/v1alpha1\nspec: { templates: [] }\n'

  it('is passed on, and wire says why it is not wired', async () => {
    const { code, stdout, stderr } = await shmLiveness(['wire'], workflow)
    expect({ code, stdout }).toEqual({ code: 0, stdout: workflow })
    expect(stderr).toContain(
      'shm-liveness: warning: stdin:1: not wired: its steps are containers without a pod template',
    )
  })

  it('is nothing to speak of beside pods that are wired', async () => {
    const pod = '---\nkind: Pod\nspec: { containers: [{ name: a }] }\n'
    const { stderr } = await shmLiveness(['wire', '--image', 'registry.example/a:1'], workflow + pod)
    expect(stderr).toBe('')
  })
})
